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

test.each(['limit=0', 'limit=201', 'limit=x', 'cursor=', 'cursor=../x', 'page=2'])('?%s is refused', async (query) => {
  for (const path of ['/v1/queues', '/v1/queues/acme', '/v1/tenants'])
    expect(await service.call('GET', `${path}?${query}`)).toMatchObject({ status: 422, body: { code: 'invalid' } });
});
