// Whatever makes a tenant grow asks first: of every endpoint, where Redis is nearly full and where the tenant has what it may have.
import type { Redis } from '../../libs/store/redis/redis';
import { ENDPOINTS } from '../../apps/api/routes/all-endpoints';
import { anEmail, setUpQueue, startService, type Answer, type EmailBody, type Service } from '../support/service';
import { eventually } from '../support/wait';

let service: Service;
let redis: Redis;
/** An email of the queue, before Redis was nearly full. */
let id: string;

beforeAll(async () => {
  service = await startService({ workers: 0, verifyWaitMs: 100, api: { memoryShare: 0.5 } });
  redis = await service.redis.connect();
  await setUpQueue(service, 'acme/app', 1);
  await service.ok('PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi', text: 'Hi' });
  await service.ok('PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi', text: 'Hello' });
  await service.ok('PUT', '/v1/tenants/acme/webhooks/erp', { url: 'https://a.example/' });
  id = (await service.ok<EmailBody>('POST', '/v1/queues/acme/app/emails', anEmail())).id;
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
});

const changing = ENDPOINTS.filter(({ method }) => method === 'post' || method === 'put' || method === 'patch');

test('each POST, PUT and PATCH says whether it makes something grow', () => {
  expect(changing.filter(({ grows }) => grows === undefined).map((one) => one.id)).toEqual([]);
});

const LONG = Array.from({ length: 90 }, (_, n) => `https://docs-${n}.acme.example/a-long-prefix-of-documents/`);

const MANY = Array.from({ length: 100 }, (_, n) => `an-application-with-a-long-name-of-its-own-${n}`);

/** A call of each that makes something grow, by the endpoint's id. */
const GROWING: Record<string, [path: string, body: unknown]> = {
  acceptEmail: ['/v1/queues/acme/app/emails', anEmail()],
  acceptBatch: ['/v1/queues/acme/app/emails/batch', { emails: [anEmail()] }],
  correctEmail: ['/v1/queues/acme/app/emails/{id}', { text: 'much more '.repeat(500) }],
  resendEmail: ['/v1/queues/acme/app/emails/{sent}/resend', {}],
  beginQueueBulk: ['/v1/queues/acme/app/emails/bulk', { action: 'resend', all: true }],
  beginTenantBulk: ['/v1/tenants/acme/bulk', { action: 'hold', all: true, patch: { log: 'none' } }],
  uploadContent: ['/v1/queues/acme/app/content', 'bytes'],
  putQueue: ['/v1/queues/acme/new', {}],
  patchQueue: ['/v1/queues/acme/app', { dataSources: LONG }],
  putTenant: ['/v1/tenants/new', {}],
  patchTenant: ['/v1/tenants/acme', { dataSources: LONG }],
  putTransport: ['/v1/tenants/acme/transports/new', { host: 'a.example' }],
  patchTransport: [
    '/v1/tenants/acme/transports/default',
    { allowedFrom: LONG.slice(0, 90).map((_, n) => `sender-${n}-with-a-long-name-of-its-own@acme-${n}.example`) },
  ],
  putWebhook: ['/v1/tenants/acme/webhooks/new', { url: 'https://a.example/' }],
  patchWebhook: [
    '/v1/tenants/acme/webhooks/erp',
    { url: `https://a.example/${'long'.repeat(500)}`, applications: MANY },
  ],
  putSuppression: ['/v1/tenants/acme/suppressions/new@example.org', {}],
  importSuppressions: ['/v1/tenants/acme/suppressions/import', ['new@example.org']],
  putTemplate: ['/v1/tenants/acme/templates/welcome', { text: 'Good day' }],
  restoreTemplateVersion: ['/v1/tenants/acme/templates/welcome/versions/1/restore', undefined],
  issueKey: ['/v1/keys', { role: 'reader', tenant: 'acme' }],
};

/** Runs where Redis has used more than may be filled by what is new, and is far from full. */
const whereMemoryIsShort = async (work: () => Promise<void>): Promise<void> => {
  const used = Number(/used_memory:(\d+)/.exec(String(await redis.info('memory')))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.round(used * 1.6)));
  const isShort = () => service.call('POST', '/v1/keys', { role: 'reader', tenant: 'acme' });
  try {
    await eventually(async () => expect((await isShort()).status).toBe(507));
    await work();
  } finally {
    await redis.config('SET', 'maxmemory', '0');
    await eventually(async () => expect((await isShort()).status).toBe(201));
  }
};

test('where Redis is nearly full, each that makes something grow is 507, and who repairs and makes room is served', async () => {
  const growing = changing.filter(({ grows }) => grows !== 'never').map((one) => one.id);
  expect(Object.keys(GROWING).sort()).toEqual([...growing].sort());
  const given = anEmail({ subject: 'with a key' });
  const keyed = () =>
    service.call('POST', '/v1/queues/acme/app/emails', given, { headers: { 'idempotency-key': 'before' } });
  expect((await keyed()).status).toBe(202);
  await whereMemoryIsShort(async () => {
    for (const endpoint of changing) {
      const [path, body] = GROWING[endpoint.id] ?? [];
      // Only what was sent is sent again; that it asks for room is a new email's affair.
      if (path === undefined || endpoint.id === 'resendEmail') continue;
      const answer = await service.call(endpoint.method.toUpperCase(), path.replace('{id}', id), body);
      expect([endpoint.id, answer.status, answer.body]).toMatchObject([endpoint.id, 507, { code: 'queue-full' }]);
      expect(answer.body['detail']).toMatch(/^Redis has used 50 % of its memory: nothing new is accepted/);
    }
    const email = `/v1/queues/acme/app/emails/${id}`;
    const repairs: [string, string, unknown?][] = [
      ['PATCH', email, { to: ['right@example.org'] }],
      ['POST', `${email}/hold`],
      ['POST', `${email}/release`],
      ['POST', `${email}/cancel`],
      ['POST', `/v1/queues/acme/app/emails/bulk`, { action: 'delete', all: true, dryRun: true }],
      ['POST', '/v1/queues/acme/app/pause', { reason: 'Redis is full' }],
      ['POST', '/v1/queues/acme/app/resume'],
      ['PATCH', '/v1/tenants/acme', { maxWaiting: 5 }],
      ['PUT', '/v1/queues/acme/app', { concurrency: 2 }],
      ['PATCH', '/v1/tenants/acme/transports/default', { port: 2_525 }],
      ['PATCH', '/v1/tenants/acme/webhooks/erp', { url: 'https://b.example/' }],
      ['POST', '/v1/tenants/acme/webhooks/erp/secret'],
      ['PUT', '/v1/tenants/acme/templates/welcome', { subject: 'Hi', text: 'Hello' }],
      ['POST', '/v1/tenants/acme/templates/welcome/render', {}],
      ['POST', '/v1/pause'],
      ['POST', '/v1/resume'],
      ['POST', '/v1/tenants/acme/signing-secret'],
      ['DELETE', email],
      ['DELETE', '/v1/tenants/acme/templates/welcome'],
    ];
    for (const [method, path, body] of repairs) {
      const { status } = await service.call(method, path, body);
      expect([method, path, status < 300]).toEqual([method, path, true]);
    }
    expect(await keyed()).toMatchObject({ status: 202 });
  });
});

/** So many at once: how many were taken, and what the others were told. */
const race = async (count: number, call: (n: number) => Promise<Answer>) => {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => call(n)));
  const refused = answers.filter(({ status }) => status >= 300);
  for (const { status, body } of refused) expect([status, body['code']]).toEqual([507, 'tenant-full']);
  return { taken: count - refused.length, told: String(refused[0]?.body['detail']) };
};

test.each<[string, string, number, (n: number) => [method: string, path: string, body: unknown]]>([
  ['maxQueues', 'queues', 4, (n) => ['PUT', `/v1/queues/many/q${n}`, {}]],
  ['maxQueues', 'queues', 5, (n) => ['POST', `/v1/queues/many/e${n}/emails`, anEmail({ from: 'a@many.example' })]],
  ['maxQueues', 'queues', 6, (n) => ['POST', `/v1/queues/many/c${n}/content`, 'bytes']],
  ['maxTransports', 'transports', 4, (n) => ['PUT', `/v1/tenants/many/transports/t${n}`, { host: 'a.example' }]],
  ['maxKeys', 'keys', 3, () => ['POST', '/v1/keys', { role: 'reader', tenant: 'many' }]],
  ['maxWebhooks', 'webhooks', 2, (n) => ['PUT', `/v1/tenants/many/webhooks/w${n}`, { url: 'https://a.example/' }]],
  ['maxSuppressions', 'suppressed addresses', 3, (n) => ['PUT', `/v1/tenants/many/suppressions/a${n}@example.org`, {}]],
  ['maxTemplates', 'templates', 3, (n) => ['PUT', `/v1/tenants/many/templates/t${n}`, { text: 'Hi' }]],
])('%s holds, however many come at once: %s, %i', async (name, noun, most, call) => {
  await service.call('PUT', '/v1/tenants/many/transports/default', { host: '127.0.0.1', port: 1 });
  await service.ok('PUT', '/v1/tenants/many', { [name]: most });
  await service.call('PUT', '/v1/tenants/many/transports/default', { host: '127.0.0.1', port: 1 });
  const before = {
    maxQueues: (await service.ok<{ queues: unknown[] }>('GET', '/v1/queues/many')).queues.length,
    maxTransports: 1,
  };
  const { taken, told } = await race(12, (n) => service.call(...call(n)));
  expect(taken).toBe(most - ((before as Record<string, number>)[name] ?? 0));
  expect(told).toMatch(new RegExp(`^the tenant many may have ${most} ${noun} \\(${name}\\), and this would be more: `));
});

test('versions of templates have their bytes counted, also those of before, and what is removed makes room', async () => {
  await service.ok('PUT', '/v1/tenants/words', {});
  const put = (name: string, text: string) =>
    service.call('PUT', `/v1/tenants/words/templates/${name}`, { text: text.repeat(10_000) });
  expect([(await put('a', 'x')).status, (await put('a', 'y')).status]).toEqual([201, 201]);
  // As an earlier version left it.
  await redis.del('rohrpost:{words}:template-bytes');
  await service.ok('PUT', '/v1/tenants/words', { maxTemplateBytes: 35_000 });
  expect((await put('b', 'z')).status).toBe(201);
  const full = await put('b', 'w');
  expect(full).toMatchObject({ status: 507, body: { code: 'tenant-full' } });
  expect(full.body['detail']).toContain('35000 bytes of templates, all versions together (maxTemplateBytes)');
  expect((await put('b', 'z')).status).toBe(200);
  const restored = await service.call('POST', '/v1/tenants/words/templates/a/versions/1/restore');
  expect(restored).toMatchObject({ status: 507, body: { code: 'tenant-full' } });
  await service.ok('DELETE', '/v1/tenants/words/templates/a');
  expect((await put('b', 'w')).status).toBe(201);
});

test('operations that are done with make room, those under way do not', async () => {
  await setUpQueue(service, 'bulk/app', 1);
  await service.ok('PUT', '/v1/tenants/bulk', { maxOperations: 3 });
  const begin = () =>
    service.call<{ id: string }>('POST', '/v1/tenants/bulk/bulk', { action: 'hold', all: true, dryRun: true });
  const done = async (operation: string) =>
    eventually(async () =>
      expect(await service.ok('GET', `/v1/operations/${operation}`)).toMatchObject({ state: 'done' }),
    );
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) {
    ids.push((await begin()).body.id);
    await done(ids.at(-1) ?? '');
  }
  const found = await Promise.all(ids.map(async (one) => (await service.call('GET', `/v1/operations/${one}`)).status));
  expect(found).toEqual([404, 404, 200, 200, 200]);
  // As three that never end.
  const now = Date.now();
  for (const kind of ['pending', 'kept'])
    await redis.zadd(`rohrpost:{_operations}:${kind}:bulk`, now, 'o_a', now, 'o_b', now, 'o_c');
  const refused = await begin();
  expect(refused).toMatchObject({ status: 507, body: { code: 'tenant-full' } });
  expect(refused.body).toMatchObject({ detail: expect.stringContaining('3 bulk operations under way') as string });
});

test('an administrator may not widen a bound, and keeps it', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'words' });
  const wider = await service.call('PATCH', '/v1/tenants/words', { maxTemplateBytes: 1e9 }, { key });
  expect(wider).toMatchObject({ status: 403, body: { errors: [{ path: '/maxTemplateBytes' }] } });
  await service.ok('PUT', '/v1/tenants/words', { log: 'none' }, { key });
  expect(await service.ok('GET', '/v1/tenants/words')).toMatchObject({ maxTemplateBytes: 35_000 });
});

test('names of templates that come and go leave nothing, and no number is given twice', async () => {
  await service.ok('PUT', '/v1/tenants/names', {});
  const numbers = 'rohrpost:{names}:template-numbers';
  await redis.hset(numbers, Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`was-${n}`, '1'])));
  const put = async (name: string, text: string) =>
    (await service.ok<{ version: number }>('PUT', `/v1/tenants/names/templates/${name}`, { text })).version;
  expect([await put('a', '1'), await put('a', '2')]).toEqual([1, 2]);
  await service.ok('DELETE', '/v1/tenants/names/templates/a');
  expect(await redis.hlen(numbers)).toBe(10_001);
  expect([await put('a', '3'), await put('b', '1')]).toEqual([3, 3]);
});
