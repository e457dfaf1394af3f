// Transports that lead into the house, in every spelling and by every name: administrators of tenants reach nothing there.
import { Resolver } from 'node:dns';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dnsCache } from 'nodemailer/lib/shared';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

/** An address of this machine plays the public one: the operator allows it. */
const PUBLIC = '127.0.0.2';
const TRANSPORT = '/v1/tenants/acme/transports/mine';

let service: Service;
let smtp: SmtpServer;
let canary: Server;
const sockets = new Set<Socket>();
let port: number;
let reached = 0;
let admin: string;
const queue = 'acme/app';
const emails = `/v1/queues/${queue}/emails`;

const closed = (server: Server, sockets: Set<Socket>): Promise<void> => {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
};
const listen = (server: Server, sockets: Set<Socket>, host: string): Promise<number> => {
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => undefined)));
  return new Promise((resolve) => server.listen(0, host, () => resolve((server.address() as AddressInfo).port)));
};

/** What the DNS answers, by name; each time that it is asked. */
let answers: Record<string, () => string[]> = {};
const asked: string[] = [];

beforeAll(async () => {
  jest.spyOn(Resolver.prototype, 'resolve4').mockImplementation(((name: string, done: (...args: unknown[]) => void) => {
    asked.push(name);
    setImmediate(done, null, answers[name]?.() ?? []);
  }) as never);
  jest.spyOn(Resolver.prototype, 'resolve6').mockImplementation(((name: string, done: (...args: unknown[]) => void) => {
    setImmediate(done, null, answers[`${name} in IPv6`]?.() ?? []);
  }) as never);
  // Whoever comes was let through; it greets, so that a session would begin.
  canary = createServer((socket) => {
    reached++;
    socket.end('220 canary\r\n');
  });
  port = await listen(canary, sockets, '::');
  smtp = await startSmtpServer();
  service = await startService({ worker: { allowPrivateSmtp: [PUBLIC] }, api: { allowPrivateSmtp: [PUBLIC] } });
  await setUpQueue(service, queue, smtp.port, { transport: 'mine' });
  admin = (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' })).key;
});
afterAll(async () => {
  jest.restoreAllMocks();
  await service.close();
  await smtp.close();
  await closed(canary, sockets);
});
beforeEach(() => {
  reached = 0;
  answers = {};
  asked.length = 0;
  dnsCache.clear();
});

const put = (host: string, changes: object = {}, key = admin) =>
  service.call<Record<string, unknown>>('PUT', TRANSPORT, { host, port, security: 'none', ...changes }, { key });
const patch = (changes: object, key = admin) =>
  service.call<Record<string, unknown>>('PATCH', TRANSPORT, changes, { key });
const verify = () => service.ok<{ ok: boolean; reply: string }>('POST', `${TRANSPORT}/verify`, {}, { key: admin });
const explain = (id: string) =>
  service.ok<{ state: string; reasons: { code: string; text: string }[] }>('GET', `${emails}/${id}/explain`);

const NOT_ALLOWED = /is not on the public network.*ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS/;

test.each([
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '127.255.255.254',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '0x7f000001',
    '0x7F.1',
  ],
  ...[
    'localhost',
    'LOCALHOST',
    'mail.localhost',
    '0',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '100.64.0.1',
  ],
  ...['169.254.169.254', '2852039166', '0xA9FEA9FE', '224.0.0.1', '255.255.255.255', '198.18.0.1'],
  ...[
    '::1',
    '0:0:0:0:0:0:0:1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
  ],
  ...['2002:7f00:1::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'fec0::1', 'ff02::1'],
])('an administrator cannot put %s', async (host) => {
  expect(await put(host)).toMatchObject({
    status: 422,
    body: { code: 'host-not-allowed', errors: [{ path: '/host' }] },
  });
});

test.each(['localhost.', '[::1]', '127.0.0.1.', 'fe80::1%lo', '::', '127.0.0.1/x', '１２７.０.０.１'])(
  'nor %s, which is no host at all',
  async (host) => {
    expect(await put(host)).toMatchObject({ status: 422, body: { errors: [{ path: '/host' }] } });
  },
);

test('what the operator allows by the variable is put and reached', async () => {
  expect(await put(PUBLIC)).toMatchObject({ status: 201, body: { hostBy: 'admin' } });
  expect(await verify()).toMatchObject({ ok: false });
  expect(reached).toBe(1);
});

test.each<[string, string[], string[]?]>([
  ['this machine, by a CNAME or not', ['127.0.0.1']],
  ['this machine in IPv6', [], ['::1']],
  ['a mapped address', [], ['::ffff:127.0.0.1']],
  ['the metadata of a cloud', ['169.254.169.254']],
  ['an address that may be reached, and this machine', [PUBLIC, '127.0.0.1']],
])('a name that stands for %s is refused as a whole', async (_what, four, six = []) => {
  answers = { 'mail.example': () => four, 'mail.example in IPv6': () => six };
  for (const security of ['none', 'starttls', 'tls']) {
    expect((await put('mail.example', { security })).status).toBeLessThan(300);
    expect(await verify()).toMatchObject({ ok: false, reply: expect.stringMatching(NOT_ALLOWED) as string });
  }
  expect(reached).toBe(0);
});

test('a name that only the system knows is checked too', async () => {
  // Shortened and padded forms that no DNS knows: the system's resolver reads them.
  expect((await put('ip6-localhost')).status).toBeLessThan(300);
  const { reply } = await verify();
  expect(reply).toMatch(/not on the public network|ENOTFOUND|EAI_AGAIN/);
  expect(reached).toBe(0);
});

test('a name that answers differently the second time is connected to where it was checked, each time', async () => {
  let looks = 0;
  answers = { 'rebind.example': () => [looks++ === 0 ? PUBLIC : '127.0.0.1'] };
  expect((await put('rebind.example')).status).toBeLessThan(300);
  const reply = await verify();
  expect([reply.ok, reached, asked]).toEqual([false, 1, ['rebind.example']]);
  dnsCache.clear();
  expect(await verify()).toMatchObject({ reply: expect.stringMatching(NOT_ALLOWED) as string });
  expect([reached, looks]).toEqual([1, 2]);
});

test('emails wait unspent while the host is refused, are told why, and go out once the operator sets it', async () => {
  answers = { 'inside.example': () => ['127.0.0.1'] };
  expect((await put('inside.example', { port: smtp.port })).status).toBeLessThan(300);
  const ids: string[] = [];
  for (let count = 0; count < 6; count++)
    ids.push((await service.ok<{ id: string }>('POST', emails, anEmail({ attempts: 1 }))).id);
  await eventually(async () => {
    for (const id of ids) {
      const { state, reasons } = await explain(id);
      expect([state, reasons.map(({ code }) => code)]).toEqual(['queued', ['transport-down', 'parked']]);
      expect(reasons[0]?.text).toMatch(NOT_ALLOWED);
    }
  });
  for (const id of ids) {
    const { attemptsMade, attempts } = await service.ok<EmailBody>('GET', `${emails}/${id}`);
    expect([attemptsMade, attempts]).toEqual([0, []]);
  }
  expect([smtp.connections, smtp.messages.length]).toEqual([0, 0]);
  // Another setting of the operator's does not make the host his.
  expect(await service.ok('PATCH', TRANSPORT, { limits: { connections: 5 } })).toMatchObject({ hostBy: 'admin' });
  expect(await service.ok('PATCH', TRANSPORT, { host: 'inside.example' })).toMatchObject({ hostBy: 'operator' });
  await smtp.waitForMessages(6);
});

test("the operator's host stays his until an administrator changes host or port", async () => {
  const operator = (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'operator' })).key;
  const changed = { host: '127.0.0.1', port: smtp.port, security: 'none' };
  expect(await put('127.0.0.1', { port: smtp.port }, operator)).toMatchObject({ body: { hostBy: 'operator' } });
  expect(await patch({ limits: { connections: 3 } })).toMatchObject({ status: 200, body: { hostBy: 'operator' } });
  expect(await put('127.0.0.1', changed)).toMatchObject({ status: 200, body: { hostBy: 'operator' } });
  expect(await verify()).toMatchObject({ ok: true });
  expect(await patch({ port })).toMatchObject({ status: 422, body: { code: 'host-not-allowed' } });
  expect(await patch({ host: 'localhost' })).toMatchObject({ status: 422 });
  expect(await put('127.0.0.1', { port: undefined })).toMatchObject({ status: 422 });
  expect(await patch({ port: smtp.port, host: null })).toMatchObject({ status: 422 });
  expect(await verify()).toMatchObject({ ok: true });
  // What GET answers is taken back, by whoever sends it.
  const shown = await service.ok('GET', TRANSPORT);
  expect(await service.call('PUT', TRANSPORT, { ...shown, hostBy: 'admin' }, { key: operator })).toMatchObject({
    status: 200,
    body: { hostBy: 'operator' },
  });
  await service.ok('DELETE', TRANSPORT, undefined, { key: admin });
  expect(await put('127.0.0.1', { port: smtp.port })).toMatchObject({ status: 422 });
});

test('data of a version that kept no author goes on as it was, until an administrator moves it', async () => {
  await service.ok('PUT', TRANSPORT, { host: '127.0.0.1', port: smtp.port, security: 'none' });
  const redis = await service.redis.connect();
  const key = 'rohrpost:{acme}:transports';
  const stored = JSON.parse(String(await redis.call('HGET', key, 'mine'))) as Record<string, unknown>;
  delete stored['hostBy'];
  await redis.call('HSET', key, 'mine', JSON.stringify(stored));
  redis.disconnect();
  expect(await patch({ limits: { connections: 7 } })).toMatchObject({ status: 200, body: { hostBy: 'operator' } });
  expect(await verify()).toMatchObject({ ok: true });
  expect(await patch({ port })).toMatchObject({ status: 422, body: { code: 'host-not-allowed' } });
});

describe('what answers there and is no SMTP server', () => {
  const SECRET = 'tok3n-of-the-inside';
  let inside: Server;
  const callers = new Set<Socket>();
  let say: string;
  let at: number;
  beforeAll(async () => {
    inside = createServer((socket) => void socket.end(say));
    at = await listen(inside, callers, '127.0.0.1');
  });
  afterAll(() => closed(inside, callers));

  test.each([
    `SSH-2.0-OpenSSH_9.2 ${SECRET}\r\n`,
    `-ERR ${SECRET}\r\n`,
    `+OK POP3 ${SECRET}\r\n`,
    `* OK IMAP4 ${SECRET}\r\n`,
    `HTTP/1.1 400 Bad Request\r\nX: ${SECRET}\r\n\r\n${SECRET}`,
    `200 NNTP ${SECRET}\r\n`,
    `J\x00\x00\x00\x0a5.7.30-${SECRET}\n\x00`,
    `554-no\r\n${SECRET}\r\n554 no\r\n`,
    `554no ${SECRET}\r\n`,
    `${SECRET}`,
    `\r\n\r\n${SECRET} certificate TLS\r\n`,
  ])('says nothing to the tenant: %j', async (words) => {
    say = words;
    await service.ok('PUT', TRANSPORT, { host: '127.0.0.1', port: at, security: 'none' });
    const { ok, reply } = await verify();
    expect([ok, reply.includes(SECRET)]).toEqual([false, false]);
    const { id } = await service.ok<{ id: string }>('POST', emails, anEmail({ log: 'dialogue', attempts: 1 }));
    const failed = await eventually(async () => {
      const email = await service.email(queue, id);
      expect(email.state).toBe('failed');
      return email;
    });
    expect(JSON.stringify([failed, await explain(id)])).not.toContain(SECRET);
  });

  test('an SMTP server that refuses says so in its own words', async () => {
    say = '554 5.7.1 your address is listed\r\n';
    await service.ok('PUT', TRANSPORT, { host: '127.0.0.1', port: at, security: 'none' });
    expect(await verify()).toMatchObject({ ok: false, reply: expect.stringContaining('is listed') as string });
  });
});
