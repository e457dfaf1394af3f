// Keys against whoever wants more of them: more reach, more time, another address, more tries, more requests, another's past.
import { startRedis } from '../../dev/redis';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Answer, type Service } from '../support/service';
import { eventually } from '../support/wait';

interface Issued {
  id: string;
  key: string;
  expiresAt?: string;
  issuedBy: string;
}

let service: Service;
beforeAll(async () => {
  service = await startService({ workers: 0, api: { trustedProxies: ['127.0.0.0/8'] } });
  await setUpQueue(service, 'acme/app', 1);
});
afterAll(() => service.close());

const issue = (input: object, key = OPERATOR_KEY) =>
  service.call<Issued & Record<string, unknown>>(
    'POST',
    '/v1/keys',
    { role: 'admin', tenant: 'acme', ...input },
    { key },
  );
const issued = async (input: object, key = OPERATOR_KEY): Promise<Issued> => {
  const { status, body } = await issue(input, key);
  expect(status).toBe(201);
  return body;
};
/** As a client at this address, which the proxy names. */
const from = (address: string, key: string, path = '/v1/queues/acme'): Promise<Answer> =>
  service.call('GET', path, undefined, { key, headers: { 'X-Forwarded-For': address } });
const statusOf = async (key: string): Promise<number> => (await from('192.0.2.1', key)).status;
const revoke = (id: string, query = '', key = OPERATOR_KEY) =>
  service.call('DELETE', `/v1/keys/${id}${query}`, undefined, { key });
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('whoever issues', () => {
  test('gives no more than it has, through any number of keys between', async () => {
    const ends = soon(3_600_000);
    const top = await issued({ expiresAt: ends, addresses: ['10.0.0.0/8', '2001:db8::/32'] });
    expect(top.issuedBy).toBe('operator');
    const first = await issued({}, OPERATOR_KEY);
    expect(first.expiresAt).toBeUndefined();
    const call = (key: string, input: object) =>
      service.call<Issued>(
        'POST',
        '/v1/keys',
        { role: 'admin', tenant: 'acme', ...input },
        {
          key,
          headers: { 'X-Forwarded-For': '10.1.1.1' },
        },
      );
    const second = (await call(top.key, {})).body;
    expect(second).toMatchObject({ issuedBy: top.id, expiresAt: ends });
    const third = (await call(second.key, { role: 'sender', expiresAt: soon(60_000), addresses: ['10.1.0.0/16'] }))
      .body;
    expect(third.issuedBy).toBe(second.id);
    for (const [input, path] of [
      [{ expiresAt: soon(7_200_000) }, '/expiresAt'],
      [{ addresses: ['10.1.0.0/16', '0.0.0.0/0'] }, '/addresses/1'],
      [{ addresses: ['10.0.0.0/7'] }, '/addresses/0'],
      [{ addresses: ['2001:db8::/31'] }, '/addresses/0'],
      [{ addresses: ['::ffff:10.0.0.0/104'] }, '/addresses/0'],
    ] as const)
      expect(await call(second.key, input)).toMatchObject({
        status: 422,
        body: { code: 'invalid', errors: [{ path }] },
      });
    expect((await call(second.key, { role: 'operator', tenant: undefined })).status).toBe(403);
    // What is said of the first key of the chain holds for the last.
    expect((await from('10.1.2.3', third.key)).status).toBe(200);
    expect((await from('10.2.2.3', third.key)).body).toMatchObject({ code: 'address-not-allowed' });
    expect((await from('2001:db8::1', second.key)).status).toBe(200);
    expect((await from('11.1.2.3', second.key)).status).toBe(403);
    expect((await from('::ffff:10.1.2.3', second.key)).status).toBe(200);
    for (const method of ['PUT', 'PATCH'])
      expect((await service.call(method, `/v1/keys/${third.id}`, { role: 'admin' })).status).toBeGreaterThanOrEqual(
        404,
      );
  });

  test('takes those below along when its time is over', async () => {
    const ends = Date.now() + 1_500;
    const top = await issued({ expiresAt: new Date(ends).toISOString() });
    const below = await issued({ role: 'reader' }, top.key);
    expect(await statusOf(below.key)).toBe(200);
    // The service goes by Redis' clock, as it last compared it with its own.
    await eventually(async () => {
      expect([await statusOf(top.key), await statusOf(below.key)]).toEqual([401, 401]);
    });
    expect(Date.now()).toBeGreaterThan(ends - 500);
  });

  test('is revoked only when it is said what becomes of its keys', async () => {
    const chain = [await issued({})];
    for (let depth = 0; depth < 3; depth++) chain.push(await issued({}, chain.at(-1)?.key));
    const [top, middle, low, last] = chain as [Issued, Issued, Issued, Issued];
    expect(await revoke(middle.id)).toMatchObject({ status: 409, body: { code: 'key-has-issued', issued: 2 } });
    expect((await revoke(middle.id, '?issued=both')).status).toBe(422);
    expect(await statusOf(last.key)).toBe(200);
    expect((await revoke(middle.id, '?issued=keep')).status).toBe(204);
    expect(await Promise.all([middle, low, last].map(({ key }) => statusOf(key)))).toEqual([401, 200, 200]);
    const { keys } = await service.ok<{ keys: Issued[] }>('GET', '/v1/keys');
    expect(keys.find(({ id }) => id === low.id)?.issuedBy).toBe(top.id);
    // One that is issued while its issuer is revoked is good for nothing either.
    const [late] = await Promise.all([issue({}, low.key), revoke(top.id, '?issued=revoke')]);
    expect(await Promise.all([top, low, last].map(({ key }) => statusOf(key)))).toEqual([401, 401, 401]);
    if (late.status === 201) expect(await statusOf(late.body.key)).toBe(401);
    const alone = await issued({});
    expect((await revoke(alone.id)).status).toBe(204);
  });

  test('was not written down by earlier versions, whose keys hold and are revoked as before', async () => {
    const old = await issued({});
    const redis = await service.redis.connect();
    const record = JSON.parse(String(await redis.call('HGET', 'rohrpost:api-keys', old.id))) as object;
    const before = { ...record, issuedBy: undefined, tenantSince: undefined };
    await redis.call('HSET', 'rohrpost:api-keys', old.id, JSON.stringify(before));
    await redis.call('PUBLISH', 'rohrpost:changed', `api-key ${old.id}`);
    redis.disconnect();
    const below = await issued({}, old.key);
    expect([await statusOf(old.key), await statusOf(below.key)]).toEqual([200, 200]);
    expect((await revoke(old.id, '?issued=keep')).status).toBe(204);
    expect([await statusOf(old.key), await statusOf(below.key)]).toEqual([401, 200]);
  });
});

describe('wrong keys', () => {
  const wrong = (n: number): string => `rp_${n.toString(16).padStart(12, '0')}_${'x'.repeat(43)}`;
  const tryMany = async (count: number, address: (n: number) => string): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (let at = 0; at < count; at += 20)
      answers.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(20, count - at) }, (_, n) => from(address(at + n), wrong(at + n))),
        )),
      );
    return answers;
  };

  test('of one address are slowed down, and its clients with right ones served beside them', async () => {
    const client = await issued({ role: 'reader' });
    const proxy = '198.51.100.7';
    expect((await from(proxy, client.key)).status).toBe(200);
    const answers = await tryMany(130, () => proxy);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(100);
    expect(refused).toHaveLength(30);
    expect(refused[0]?.body).toMatchObject({ code: 'too-many-wrong-keys' });
    const wait = Number(refused[0]?.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect((await from(proxy, client.key)).status).toBe(200);
    // Nobody learns now whether another one is right: a guess that hits looks like one that does not.
    expect((await from(proxy, OPERATOR_KEY)).status).toBe(429);
    expect((await from('198.51.100.8', OPERATOR_KEY)).status).toBe(200);
    const board = (key: string, address: string) =>
      fetch(`${service.url}/board`, {
        headers: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}`, 'X-Forwarded-For': address },
      });
    expect((await board('wrong', proxy)).status).toBe(429);
    expect((await board('wrong', '198.51.100.9')).status).toBe(401);
  });

  test('of a hundred addresses are counted each by themselves, those of one IPv6 network together', async () => {
    const many = await tryMany(200, (n) => `203.0.113.${n % 100}`);
    expect(many.every(({ status }) => status === 401)).toBe(true);
    const network = await tryMany(120, (n) => `2001:db8:7:7::${n.toString(16)}`);
    expect(network.filter(({ status }) => status === 429)).toHaveLength(20);
    expect((await from('2001:db8:7:8::1', wrong(1))).status).toBe(401);
  });

  test('of an address that nobody vouches for are those of the connection', async () => {
    const plain = await startService({ workers: 0 });
    try {
      const answers = [];
      for (let n = 0; n < 101; n++)
        answers.push(
          plain.call('GET', '/v1/tenants', undefined, {
            key: wrong(n),
            headers: { 'X-Forwarded-For': `203.0.113.${n}` },
          }),
        );
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 429)).toHaveLength(1);
      // Without Redis a process counts by itself. What is no key of the registry is compared without it, too.
      await plain.redis.kill('SIGKILL');
      const guesses = await Promise.all(
        Array.from({ length: 110 }, (_, n) =>
          plain.call('GET', '/v1/tenants', undefined, { key: `${n}`.padEnd(32, 'x') }),
        ),
      );
      expect(guesses.filter(({ status }) => status === 401)).toHaveLength(100);
      expect(guesses.filter(({ status }) => status === 429)).toHaveLength(10);
      plain.redis = await startRedis({ dataDir: plain.dataDir });
    } finally {
      await plain.close();
    }
  });
});

test('a rate is told with each answer and holds for the keys below, together', async () => {
  const top = await issued({ rate: { max: 5, per: '60s' } });
  const below = await issued({ role: 'reader', rate: { max: 100, per: '1h' } }, top.key);
  const first = await from('192.0.2.1', below.key);
  expect(first.headers.get('ratelimit-policy')).toBe(`"key";q=100;w=3600, "${top.id}";q=5;w=60`);
  expect(first.headers.get('ratelimit')).toMatch(new RegExp(`^"key";r=99;t=3600, "${top.id}";r=3;t=\\d+$`));
  const statuses = await Promise.all([top, below, top, below].map(({ key }) => statusOf(key)));
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  const over = await from('192.0.2.1', top.key);
  expect(over).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
  expect(over.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/);
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await from('192.0.2.1', OPERATOR_KEY)).headers.get('ratelimit')).toBeNull();
  for (const rate of [{ max: 0, per: '1s' }, { max: 1, per: '500ms' }, { max: 1, per: '2d' }, { max: 1 }])
    expect((await issue({ rate })).status).toBe(422);
  for (const addresses of [[], ['10.0.0.0/33'], ['10.1'], ['localhost'], ['fe80::1%eth0'], ['::ffff:1.2.3.4']])
    expect((await issue({ addresses })).status).toBe(422);
});

test('a tenant made anew under an old name finds nothing of the old one', async () => {
  const headers = { 'Idempotency-Key': 'invoice-1' };
  const settle = async (make: string): Promise<{ id: string; admin: Issued; operation: string }> => {
    const { emails } = await setUpQueue(service, 'reborn/app', 1);
    const admin = await issued({ tenant: 'reborn', name: make });
    const { id } = await service.ok<{ id: string }>('POST', emails, anEmail(), { headers });
    const bulk = await service.call('POST', `${emails}/bulk`, { action: 'hold', all: true, filter: {} });
    return { id, admin, operation: bulk.headers.get('location') ?? '' };
  };
  const past = await settle('old');
  await service.ok('PUT', '/v1/tenants/reborn/templates/hello', { subject: 'Old', text: 'Old' });
  await service.ok('GET', '/v1/tenants/reborn/signing-secret');
  await service.ok('GET', '/v1/tenants/reborn/templates/hello');
  await service.ok('GET', '/v1/tenants/reborn/transports/default');
  await service.ok('POST', `/v1/queues/reborn/app/emails/${past.id}/cancel`);
  await service.ok('DELETE', '/v1/queues/reborn/app');
  const redis = await service.redis.connect();
  for (const what of ['limits:default', 'lowered:default', 'breaker:default', 'access-token:gone'])
    await redis.call('HSET', `rohrpost:{reborn}:${what}`, 'old', '1');
  // Issued at the moment of the deletion, by another process.
  const record = String(await redis.call('HGET', 'rohrpost:api-keys', past.admin.id));
  await service.ok('DELETE', '/v1/tenants/reborn');
  await redis.call('HSET', 'rohrpost:api-keys', past.admin.id, record);
  await redis.call('PUBLISH', 'rohrpost:changed', `api-key ${past.admin.id}`);
  expect(await redis.call('KEYS', 'rohrpost:{reborn}*')).toEqual([]);
  const left = (await redis.call('KEYS', 'rohrpost:{reborn*')) as string[];
  redis.disconnect();
  // Signs of ids that once were, for a day; nobody can look for them.
  expect(left.filter((key) => !key.startsWith('rohrpost:{reborn.app}:gone:'))).toEqual([]);

  await service.ok('PUT', '/v1/tenants/reborn', {});
  for (const path of ['templates/hello', 'transports/default'])
    expect((await service.call('GET', `/v1/tenants/reborn/${path}`)).status).toBe(404);
  const present = await settle('new');
  expect(present.id).not.toBe(past.id);
  expect(await statusOf(past.admin.key)).toBe(401);
  const look = (path: string) => service.call('GET', path, undefined, { key: present.admin.key });
  expect((await look(past.operation)).status).toBe(404);
  expect((await look(present.operation)).status).toBe(200);
  const { entries } = (await look('/v1/audit?limit=200')).body as { entries: { target?: string; what: string }[] };
  expect(entries.map(({ what }) => what)).toContain('tenant put');
  expect(entries.map(({ what }) => what)).not.toContain('tenant deleted');
  const all = await service.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=reborn&limit=200');
  expect(all.entries.map(({ what }) => what)).toContain('tenant deleted');
});

test.each(['/livez', '/v1/tenants', '/nowhere', '/openapi.json', '/board', '/board/'])(
  '%s has the headers of security',
  async (path) => {
    const response = await fetch(`${service.url}${path}`, {
      headers: { authorization: `Basic ${Buffer.from(`x:${OPERATOR_KEY}`).toString('base64')}` },
    });
    const { headers } = response;
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'strict-transport-security': 'max-age=31536000',
      'x-permitted-cross-domain-policies': 'none',
    });
    expect(headers.has('x-powered-by')).toBe(false);
  },
);

test('when a key was used last is told, of one that never was nothing, and the same minute is written once', async () => {
  const [used, unused] = [await issued({}), await issued({})];
  const began = Date.now();
  const lastUse = async (id: string): Promise<string | undefined> => {
    const { keys } = await service.ok<{ keys: { id: string; lastUsedAt?: string }[] }>('GET', '/v1/keys');
    return keys.find((one) => one.id === id)?.lastUsedAt;
  };
  await from('192.0.2.1', used.key);
  const first = await eventually(async () => {
    const at = await lastUse(used.id);
    expect(at).toBeDefined();
    return at ?? '';
  });
  expect(Date.parse(first)).toBeGreaterThanOrEqual(began - 1_000);
  for (let count = 0; count < 5; count++) await from('192.0.2.1', used.key);
  expect([await lastUse(used.id), await lastUse(unused.id)]).toEqual([first, undefined]);
  // A key that is right and not allowed from there is not used.
  const elsewhere = await issued({ addresses: ['10.0.0.0/8'] });
  expect((await from('192.0.2.1', elsewhere.key)).status).toBe(403);
  await revoke(used.id);
  expect([await lastUse(used.id), await lastUse(elsewhere.id)]).toEqual([undefined, undefined]);
});
