// Who may what: a foreign place looks like one that does not exist, and a role does no more than it may.
import { anEmail, setUpQueue, startService, type Service } from '../support/service';

let service: Service;
const keys: Record<string, string> = {};
const ids: Record<string, string> = {};

beforeAll(async () => {
  service = await startService({ workers: 0 });
  for (const tenant of ['acme', 'other']) {
    await setUpQueue(service, `${tenant}/app`, 1);
    await service.ok('PUT', `/v1/tenants/${tenant}/templates/welcome`, { subject: 'Hi', text: 'Hi' });
    ids[tenant] = (await service.ok<{ id: string }>('POST', `/v1/queues/${tenant}/app/emails`, anEmail())).id;
  }
  for (const role of ['admin', 'sender', 'reader']) {
    keys[role] = (await service.ok<{ key: string }>('POST', '/v1/keys', { role, tenant: 'acme' })).key;
    keys[`${role} of one`] = (
      await service.ok<{ key: string }>('POST', '/v1/keys', { role, tenant: 'acme', application: 'app' })
    ).key;
  }
});
afterAll(() => service.close());

/** Every call of the API on something of a tenant. */
const calls = (tenant: string): [method: string, path: string, body?: unknown][] => {
  const queue = `/v1/queues/${tenant}/app`;
  const own = `/v1/tenants/${tenant}`;
  return [
    ['POST', `${queue}/emails`, anEmail()],
    ['POST', `${queue}/emails/batch`, { emails: [anEmail()] }],
    ['POST', `${queue}/emails/render`, anEmail()],
    ['GET', `${queue}/emails`],
    ['GET', `${queue}/emails/${ids[tenant]}`],
    ['POST', `${queue}/content`, 'bytes'],
    ['GET', `/v1/queues/${tenant}`],
    ['GET', queue],
    ['PUT', queue, { from: 'x@y.example' }],
    ['POST', `${queue}/pause`],
    ['POST', `${queue}/resume`],
    ['DELETE', queue],
    ['GET', own],
    ['PUT', own, {}],
    ['DELETE', own],
    ['GET', `${own}/transports`],
    ['GET', `${own}/transports/default`],
    ['PUT', `${own}/transports/default`, { host: 'evil.example' }],
    ['DELETE', `${own}/transports/default`],
    ['POST', `${own}/transports/default/verify`],
    ['GET', `${own}/signing-secret`],
    ['POST', `${own}/signing-secret`],
    ['GET', `${own}/templates`],
    ['GET', `${own}/templates/welcome`],
    ['PUT', `${own}/templates/welcome`, { subject: 'x', text: 'x' }],
    ['DELETE', `${own}/templates/welcome`],
    ['GET', `${own}/templates/welcome/versions`],
    ['GET', `${own}/templates/welcome/versions/1`],
    ['GET', `${own}/templates/welcome/compare?from=1`],
    ['POST', `${own}/templates/welcome/versions/1/restore`],
    ['POST', `${own}/templates/welcome/render`, {}],
  ];
};

const snapshot = async (): Promise<string> =>
  JSON.stringify(
    await Promise.all(
      [
        '/v1/tenants/other',
        '/v1/queues/other/app',
        '/v1/queues/other/app/emails',
        '/v1/tenants/other/transports',
        '/v1/tenants/other/templates/welcome',
      ].map((path) => service.ok('GET', path)),
    ),
  );

test('no key reads or changes anything of another tenant, nor learns that it exists', async () => {
  const before = await snapshot();
  for (const key of Object.values(keys)) {
    for (const [method, path, body] of calls('other')) {
      const foreign = await service.call(method, path, body, { key });
      const unknown = await service.call(method, path.replaceAll('/other', '/nobody'), body, { key });
      expect({ method, path, status: foreign.status }).toMatchObject({ status: 404 });
      expect({ method, path, status: unknown.status }).toMatchObject({ status: 404 });
    }
  }
  expect(await snapshot()).toBe(before);
});

test('a key of one application reaches nothing of another one, nor of the tenant', async () => {
  await setUpQueue(service, 'acme/second', 1);
  for (const role of ['admin', 'sender', 'reader']) {
    const key = keys[`${role} of one`] ?? '';
    expect((await service.call('GET', '/v1/queues/acme/second', undefined, { key })).status).toBe(404);
    expect((await service.call('GET', '/v1/tenants/acme', undefined, { key })).status).toBe(404);
    expect((await service.call('GET', '/v1/queues/acme/app', undefined, { key })).status).toBe(200);
  }
});

test.each<[string, Record<string, number>]>([
  [
    'reader',
    {
      'POST /v1/queues/acme/app/emails': 403,
      'PUT /v1/queues/acme/app': 403,
      'GET /v1/queues/acme/app': 200,
      'GET /v1/keys': 403,
    },
  ],
  [
    'sender',
    {
      'POST /v1/queues/acme/app/emails': 202,
      'PUT /v1/queues/acme/app': 403,
      'POST /v1/queues/acme/app/pause': 403,
      'POST /v1/keys': 403,
      'PUT /v1/tenants/acme/templates/welcome': 403,
      'DELETE /v1/tenants/acme/templates/welcome': 403,
      'POST /v1/tenants/acme/templates/welcome/versions/1/restore': 403,
    },
  ],
  [
    'admin',
    {
      'PUT /v1/queues/acme/app': 200,
      'POST /v1/queues/acme/app/pause': 200,
      'PUT /v1/tenants/acme/templates/welcome': 201,
      'POST /v1/tenants/acme/templates/welcome/versions/1/restore': 201,
      'DELETE /v1/tenants/acme/templates/welcome': 204,
      'GET /v1/keys': 200,
      'GET /v1/tenants': 403,
      'DELETE /v1/tenants/acme': 403,
    },
  ],
])('a key with the role %s', async (role, expected) => {
  for (const [call, status] of Object.entries(expected)) {
    const [method = '', path = ''] = call.split(' ');
    const body = path.endsWith('/emails')
      ? anEmail()
      : path.endsWith('/keys') && method === 'POST'
        ? { role: 'reader', tenant: 'acme' }
        : path.includes('/templates/')
          ? method === 'PUT'
            ? { subject: 'New', text: 'New' }
            : undefined
          : method === 'PUT'
            ? { from: 'a@b.example' }
            : undefined;
    expect([call, (await service.call(method, path, body, { key: keys[role] ?? '' })).status]).toEqual([call, status]);
  }
});

test('an administrator issues keys within his reach only, and may not send passwords in clear', async () => {
  const key = keys['admin'] ?? '';
  expect((await service.call('POST', '/v1/keys', { role: 'operator' }, { key })).status).toBe(403);
  expect((await service.call('POST', '/v1/keys', { role: 'admin', tenant: 'other' }, { key })).status).toBe(403);
  expect((await service.call('POST', '/v1/keys', { role: 'sender', tenant: 'acme' }, { key })).status).toBe(201);
  const clear = await service.call(
    'PUT',
    '/v1/tenants/acme/transports/clear',
    { host: 'a.example', security: 'none', auth: { user: 'u', pass: 'p' } },
    { key },
  );
  expect(clear).toMatchObject({ status: 422, body: { code: 'plaintext-auth' } });
});

test('no key, a wrong key, a revoked and an expired one are all 401', async () => {
  const issue = (more: object) =>
    service.ok<{ id: string; key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'acme', ...more });
  const revoked = await issue({});
  const expired = await issue({ expiresAt: '2020-01-01T00:00:00Z' });
  expect((await service.call('GET', '/v1/queues/acme', undefined, { key: revoked.key })).status).toBe(200);
  await service.ok('DELETE', `/v1/keys/${revoked.id}`);
  for (const key of ['', 'x', revoked.key, expired.key, `${revoked.key}x`, 'operator-key-of-the-tests-012345678']) {
    const answer = await service.call('GET', '/v1/queues/acme', undefined, { key });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  }
});

test('secrets are in no answer and, in clear, nowhere in Redis', async () => {
  const secret = 'Pa55-never-to-be-seen';
  await service.ok('PUT', '/v1/tenants/acme/transports/secret', {
    host: 'a.example',
    auth: { user: 'u', pass: secret },
  });
  const issued = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'acme' });
  const answers = [];
  for (const path of [
    '/v1/tenants/acme/transports',
    '/v1/tenants/acme/transports/secret',
    '/v1/keys',
    '/openapi.json',
  ]) {
    answers.push(JSON.stringify((await service.call('GET', path)).body));
  }
  const redis = await service.redis.connect();
  const dump: unknown[] = [];
  for (const key of (await redis.call('KEYS', '*')) as string[]) {
    dump.push(await redis.call('HGETALL', key).catch(() => ''));
  }
  redis.disconnect();
  for (const text of [...answers, JSON.stringify(dump)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(issued.key.slice(-20));
  }
});
