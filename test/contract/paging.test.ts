// Lists of tenants and queues come in pages: each entry once, whatever their number, none that the key does not reach.
import { startService, type Service } from '../support/service';

const TENANTS = ['acme', 'acme-2', 'acme0', 'b', 'empty', 'zeta'];
const QUEUES = TENANTS.filter((tenant) => tenant !== 'empty').flatMap((tenant) =>
  ['app', 'app-2', 'web'].map((application) => `${tenant}/${application}`),
);

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  for (const tenant of TENANTS) await service.ok('PUT', `/v1/tenants/${tenant}`, {});
  for (const queue of QUEUES) await service.ok('PUT', `/v1/queues/${queue}`, {});
});
afterAll(() => service.close());

interface Listed {
  queues?: { tenant: string; application: string }[];
  tenants?: { tenant: string }[];
  nextCursor: string | null;
}

const namesIn = ({ queues, tenants }: Listed): string[] => [
  ...(queues ?? []).map(({ tenant, application }) => `${tenant}/${application}`),
  ...(tenants ?? []).map(({ tenant }) => tenant),
];

/** All entries, page by page. */
const pages = async (path: string, limit: number, key?: string): Promise<string[][]> => {
  const all: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = `limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: Listed = await service.ok('GET', `${path}?${query}`, undefined, key === undefined ? {} : { key });
    all.push(namesIn(page));
    cursor = page.nextCursor;
  }
  return all;
};

test.each([
  { path: '/v1/queues', names: QUEUES },
  { path: '/v1/queues/acme', names: ['acme/app', 'acme/app-2', 'acme/web'] },
  { path: '/v1/queues/empty', names: [] },
  { path: '/v1/tenants', names: TENANTS },
])('$path: every page is full but the last, every entry there once', async ({ path, names }) => {
  for (const limit of [1, 2, 3, 200]) {
    const found = await pages(path, limit);
    expect(found.flat().sort()).toEqual([...names].sort());
    expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    expect(found).toHaveLength(Math.max(1, Math.ceil(names.length / limit)));
  }
  expect(namesIn(await service.ok('GET', path)).sort()).toEqual([...names].sort());
});

test('a key of one application pages through its own queue only, wherever it begins', async () => {
  const wanted = { role: 'reader', tenant: 'acme', application: 'app-2' };
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', wanted);
  expect(await pages('/v1/queues', 1, key)).toEqual([['acme/app-2']]);
  expect(namesIn(await service.ok('GET', '/v1/queues?cursor=acme/app-2', undefined, { key }))).toEqual([]);
});

test.each(['limit=0', 'limit=201', 'limit=x', 'page=2'])('?%s is refused', async (query) => {
  for (const path of ['/v1/queues', '/v1/queues/acme', '/v1/tenants', '/v1/audit', '/v1/queues/acme/app/emails'])
    expect(await service.call('GET', `${path}?${query}`)).toMatchObject({ status: 422, body: { code: 'invalid' } });
});

describe('a cursor that is not one of the list is 400', () => {
  const lists = ['/v1/queues', '/v1/queues/acme', '/v1/tenants', '/v1/audit', '/v1/queues/acme/app/emails'];
  const emails = ['acme/app', 'acme/web'].map((queue) => `/v1/queues/${queue}/emails`);
  const cursorOf = async (path: string): Promise<string> =>
    (await service.ok<Listed>('GET', `${path}${path.includes('?') ? '&' : '?'}limit=1`)).nextCursor ?? '';
  let real: Map<string, string>;

  beforeAll(async () => {
    for (const path of emails)
      for (const to of ['ann@example.org', 'bea@example.org'])
        await service.ok('POST', path, { to, from: 'a@acme.example', subject: 's', text: 't' });
    const paths = [...lists, ...emails, `${emails[0]}?recipient=*@example.org`, '/v1/audit?tenant=acme'];
    real = new Map(await Promise.all(paths.map(async (path) => [path, await cursorOf(path)] as const)));
  });

  test('one of its own goes on', async () => {
    for (const [path, cursor] of real) {
      expect(cursor).not.toBe('');
      const query = `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
      expect((await service.call('GET', path + query)).status).toBe(200);
    }
  });

  // Where the order is that of names, a cursor is a name, and whatever could be one is answered.
  const NAMES: Record<string, RegExp> = {
    '/v1/tenants': /^[a-z0-9-]+$/,
    '/v1/queues': /^[a-z0-9-]+%2F[a-z0-9-]+$/,
    '/v1/queues/acme': /^acme%2F[a-z0-9-]+$/,
  };

  test.each(lists)('%s', async (path) => {
    const own = real.get(path) ?? '';
    const made = [
      ...['', '0-0', '-1', '../x', 'acme/app/x', '%FF%FE', '%00', 'a'.repeat(5_000), '18446744073709551616-0', 'AAAA'],
      ...[...real].filter(([other]) => other !== path).map(([, cursor]) => encodeURIComponent(cursor)),
      ...[own.slice(0, -1), `${own}A`, own.toUpperCase()].map(encodeURIComponent),
    ];
    const bad = made.filter(
      (cursor) => NAMES[path]?.test(cursor) !== true || cursor.startsWith('-') || cursor.length > 63,
    );
    expect(bad.length).toBeGreaterThan(8);
    for (const cursor of bad) {
      const answer = await service.call('GET', `${path}?cursor=${cursor}`);
      expect({ path, cursor, ...answer }).toMatchObject({ status: 400, body: { code: 'bad-cursor' } });
    }
    expect((await service.call('GET', `${path}?cursor=a&cursor=b`)).status).toBe(400);
  });

  // They have no pages, so no cursor is theirs.
  test.each(['/v1/keys', '/v1/workers', ...['transports', 'templates'].map((list) => `/v1/tenants/acme/${list}`)])(
    '%s',
    async (path) => {
      expect((await service.call('GET', path)).status).toBe(200);
      expect(await service.call('GET', `${path}?cursor=AAAA`)).toMatchObject({
        status: 400,
        body: { code: 'bad-cursor' },
      });
    },
  );
});
