// Addresses that lead into the house, in every spelling: nobody is reached, neither for data nor for documents.
import type { LookupAddress } from 'node:dns';
import { createServer, type Server } from 'node:net';
import { createFetcher } from '../../libs/fetch/fetcher';
import { startHttpSource, type HttpSource } from '../support/http/http-source';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { eventually } from '../support/wait';

let canary: Server;
let port: number;
let reached = 0;

/** Listens on every address that this machine has: whoever comes was let through. */
beforeAll(async () => {
  canary = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => canary.listen(0, '::', resolve));
  port = (canary.address() as { port: number }).port;
});
afterAll(() => new Promise((resolve) => canary.close(resolve)));
beforeEach(() => {
  reached = 0;
});

/** Some resolvers know it, others do not: then there is nothing to refuse. */
const UNKNOWN = 'localhost.';

/** Hosts that mean this machine or its network, or would with a careless resolver or parser. */
const HOSTS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  '127.1.2.3',
  '127.255.255.254',
  '2130706433',
  '017700000001',
  '0177.0.0.1',
  '0177.0.0.01',
  '0x7f.0.0.1',
  '0x7f000001',
  '0x7F.1',
  '0x7f.0x0.0x0.0x1',
  '00000177.00000000.00000000.00000001',
  '%31%32%37.0.0.1',
  '127%2e0%2e0%2e1',
  '１２７.０.０.１',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  'localhost',
  'LOCALHOST',
  UNKNOWN,
  'l%6fcalhost',
  'ⓛocalhost',
  '0',
  '0.0.0.0',
  '0x0',
  '00',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fec0::1]',
  '[ff02::1]',
  '10.0.0.1',
  '10.1',
  '172.16.0.1',
  '192.168.0.1',
  '192.168.1',
  '169.254.169.254',
  '2852039166',
  '0xA9FEA9FE',
  '[::ffff:169.254.169.254]',
  '100.64.0.1',
  '192.0.0.8',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
];

const spellings = (): string[] => [
  ...HOSTS.map((host) => `http://${host}:${port}/x`),
  `https://127.0.0.1:${port}/x`,
  `http:127.0.0.1:${port}/x`,
  `http:\\\\127.0.0.1:${port}\\x`,
  `http:///127.0.0.1:${port}/x`,
  `http://public.example@127.0.0.1:${port}/x`,
  `http://127.0.0.1:${port}\\@public.example/x`,
  `http://127.0.0.1:${port}#@public.example/x`,
  ` http://127.0.0.1:${port}/x`,
  `http://127.0.0.1\t:${port}/x`,
  `HTTP://LOCALHOST:${port}/x`,
  'file:///etc/passwd',
  `ftp://127.0.0.1:${port}/x`,
  `gopher://127.0.0.1:${port}/_x`,
  `data:text/plain,x`,
];

const LIMITS = { bytes: 1_000, ms: 2_000 };

test('no spelling reaches anything, even where nobody restricts the addresses', async () => {
  expect(spellings().length).toBeGreaterThanOrEqual(60);
  const fetcher = createFetcher({ allowPrivate: [] });
  for (const url of spellings()) {
    const kind = await fetcher.fetch({ url, limits: LIMITS }).then(
      () => 'fetched',
      (error: { kind?: string }) => error.kind,
    );
    expect({ url, refused: kind === 'refused' || (kind === 'for-now' && url.includes(UNKNOWN)) }).toEqual({
      url,
      refused: true,
    });
  }
  await fetcher.close();
  expect(reached).toBe(0);
});

test('the canary sings where it is allowed', async () => {
  const fetcher = createFetcher({ allowPrivate: ['127.0.0.1'] });
  await expect(fetcher.fetch({ url: `http://127.1:${port}/x`, limits: LIMITS })).rejects.toMatchObject({
    kind: 'for-now',
  });
  await fetcher.close();
  expect(reached).toBeGreaterThan(0);
});

describe('redirects and names', () => {
  // An address of this machine plays the public one, the only one that may be reached.
  const PUBLIC = '127.0.0.2';
  let source: HttpSource;
  beforeEach(async () => {
    source = await startHttpSource(PUBLIC);
  });
  afterEach(() => source.close());

  test('no redirect leads there', async () => {
    const fetcher = createFetcher({ allowPrivate: [PUBLIC] });
    for (const location of spellings()) {
      source.answer((_request, response) => response.writeHead(302, { location: encodeURI(location.trim()) }).end());
      const order = fetcher.fetch({ url: `${source.url}/start`, limits: LIMITS });
      await expect(order).rejects.toMatchObject({ name: 'FetchFailure' });
    }
    await fetcher.close();
    expect(reached).toBe(0);
  });

  test('a name whose address changes between two looks is looked up once a connection, and checked there', async () => {
    const answers: string[] = [];
    const resolve = (): Promise<LookupAddress[]> => {
      answers.push(answers.length === 0 ? PUBLIC : '127.0.0.1');
      return Promise.resolve([{ address: answers.at(-1) ?? '', family: 4 }]);
    };
    const fetcher = createFetcher({ allowPrivate: [PUBLIC], resolve });
    source.answer((_request, response) =>
      response.writeHead(302, { location: `http://rebind.example:${port}/x`, connection: 'close' }).end(),
    );
    const url = `http://rebind.example:${source.port}/start`;
    await expect(fetcher.fetch({ url, limits: LIMITS })).rejects.toMatchObject({ kind: 'refused' });
    await expect(fetcher.fetch({ url, limits: LIMITS })).rejects.toMatchObject({ kind: 'refused' });
    await fetcher.close();
    expect([answers, source.connections, reached]).toEqual([[PUBLIC, '127.0.0.1', '127.0.0.1'], 1, 0]);
  });

  test.each<[string, LookupAddress[]]>([
    ['this machine', [{ address: '127.0.0.1', family: 4 }]],
    ['this machine in IPv6', [{ address: '::1', family: 6 }]],
    ['the metadata of a cloud', [{ address: '169.254.169.254', family: 4 }]],
    ['a mapped address', [{ address: '::ffff:10.0.0.1', family: 6 }]],
    ['a public address and this machine', [PUBLIC, '127.0.0.1'].map((address) => ({ address, family: 4 }))],
    ['nothing', []],
    ['something that is no address', [{ address: 'localhost', family: 4 }]],
  ])('a name that stands for %s is refused as a whole', async (_name, addresses) => {
    const fetcher = createFetcher({ allowPrivate: [PUBLIC], resolve: () => Promise.resolve(addresses) });
    const order = fetcher.fetch({ url: `http://name.example:${port}/x`, limits: LIMITS });
    await expect(order).rejects.toMatchObject({ kind: 'refused', message: expect.stringMatching(/public/) as string });
    await fetcher.close();
    expect(reached).toBe(0);
  });
});

describe('through the service', () => {
  let service: Service;
  let emails: string;
  const queue = 'acme/app';
  beforeAll(async () => {
    service = await startService();
    ({ emails } = await setUpQueue(service, queue, 1));
    await service.ok('PUT', '/v1/tenants/acme/templates/t', { subject: 'x', text: 'x' });
  });
  afterAll(() => service.close());

  test('even where the operator allowed the prefix, no address of the house is reached, for data or documents', async () => {
    const hosts = HOSTS.filter(
      (host) => host !== UNKNOWN && URL.canParse(`http://${host}:${port}/x`) && /^[!-~]+$/.test(host),
    );
    const prefixes = hosts.map((host) => `http://${host}:${port}/`);
    await service.ok('PUT', `/v1/queues/${queue}`, { from: 'a@b.example', dataSources: prefixes, attempts: 1 });
    const lines = prefixes.flatMap((prefix) => [
      { to: ['a@example.org'], template: 't', dataUrl: `${prefix}x` },
      anEmail({ attachments: [{ filename: 'a', url: `${prefix}x` }] }),
    ]);
    expect(lines.length).toBeGreaterThanOrEqual(100);
    const { results } = await service.ok<{ results: { id?: string }[] }>('POST', `${emails}/batch`, { emails: lines });
    expect(results.filter(({ id }) => id === undefined)).toEqual([]);
    await eventually(
      async () => {
        const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
        expect(counts).toMatchObject({ failed: lines.length, queued: 0, sending: 0 });
      },
      { timeout: 40_000 },
    );
    const { emails: failed } = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?limit=200`);
    expect(new Set(failed.map(({ reason }) => reason?.code))).toEqual(new Set(['source-not-allowed']));
    expect(reached).toBe(0);
  });

  test('a preview reaches nothing either, and no spelling passes as an allowed one', async () => {
    await service.ok('PUT', `/v1/queues/${queue}`, { from: 'a@b.example', dataSources: ['https://public.example/'] });
    for (const url of spellings()) {
      for (const fields of [
        { template: 't', dataUrl: url },
        { text: 'x', subject: 'x', attachments: [{ filename: 'a', url }] },
      ]) {
        const answer = await service.call('POST', `${emails}/render`, { to: ['a@example.org'], ...fields });
        expect({ url, status: answer.status }).toEqual({ url, status: 422 });
      }
    }
    expect(reached).toBe(0);
  });
});
