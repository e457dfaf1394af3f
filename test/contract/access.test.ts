// Who may what: a foreign place looks like one that does not exist, and a role does no more than it may.
import type { Endpoint } from '../../apps/api/http/endpoint/endpoint';
import { ENDPOINTS } from '../../apps/api/routes/all-endpoints';
import { may, type Role } from '../../libs/mail/settings/api-key';
import { anEmail, setUpQueue, startService, type Service } from '../support/service';

let service: Service;
/** Keys of acme, by role; `... of one` those of its application app. */
const keys: Record<string, string> = {};
/** An email of each tenant, and a key of each. */
const ids: Record<string, { email: string; key: string }> = {};

const issue = (more: object) => service.ok<{ id: string; key: string }>('POST', '/v1/keys', more);

beforeAll(async () => {
  service = await startService({ workers: 0, verifyWaitMs: 100, api: { allowPrivate: ['127.0.0.1'] } });
  for (const tenant of ['acme', 'other']) {
    await setUpQueue(service, `${tenant}/app`, 1);
    await service.ok('PUT', `/v1/tenants/${tenant}/templates/welcome`, { subject: 'Hi', text: 'Hi' });
    await service.ok('PUT', `/v1/tenants/${tenant}/suppressions/ann@example.org`, {});
    await service.ok('PUT', `/v1/tenants/${tenant}/webhooks/welcome`, { url: 'https://127.0.0.1:1/' });
    const email = await service.ok<{ id: string }>('POST', `/v1/queues/${tenant}/app/emails`, anEmail());
    ids[tenant] = { email: email.id, key: (await issue({ role: 'reader', tenant })).id };
  }
  for (const role of ['admin', 'sender', 'reader']) {
    keys[role] = (await issue({ role, tenant: 'acme' })).key;
    keys[`${role} of one`] = (await issue({ role, tenant: 'acme', application: 'app' })).key;
  }
  await setUpQueue(service, 'acme/second', 1);
});
afterAll(() => service.close());

/** What each endpoint with a body is given, by its id; it need not succeed. */
const BODIES: Record<string, unknown> = {
  acceptEmail: anEmail(),
  acceptBatch: { emails: [anEmail()] },
  renderEmail: anEmail(),
  correctEmail: { tags: ['x'] },
  previewCorrection: { tags: ['x'] },
  resolveEmail: { as: 'sent' },
  beginQueueBulk: { action: 'hold', all: true, dryRun: true },
  beginTenantBulk: { action: 'hold', all: true, dryRun: true },
  uploadContent: 'bytes',
  putQueue: { from: 'x@y.example' },
  putTransport: { host: 'evil.example' },
  putWebhook: { url: 'https://evil.example/' },
  putTemplate: { subject: 'x', text: 'x' },
  renderTemplateDraft: { template: { subject: 'x', text: 'x' } },
  issueKey: { role: 'reader', tenant: 'acme', application: 'app' },
};
const QUERIES: Record<string, string> = { compareTemplateVersions: '?from=1' };

type Place = { tenant: string; application: string; id?: string; name?: string };

const addressOf = ({ path, id }: Endpoint<never>, place: Place): string => {
  const values: Record<string, string> = {
    name: path.includes('/transports/') ? 'default' : 'welcome',
    version: '1',
    address: 'ann@example.org',
    id: ids[place.tenant]?.email ?? 'none',
    ...place,
  };
  return path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '') + (QUERIES[id] ?? '');
};

const ask = (endpoint: Endpoint<never>, place: Place, key: string) => {
  const { method, id, body } = endpoint;
  const given = body === undefined ? undefined : (BODIES[id] ?? {});
  return service.call(method.toUpperCase(), addressOf(endpoint, place), given, { key });
};

/** Of a key by its name in `keys`. */
const identityOf = (who: string) => ({ id: 'x', role: who.split(' ')[0] as Role });

const over = (...kinds: string[]) => ENDPOINTS.filter(({ may: { over } }) => kinds.includes(over));

const snapshot = async (): Promise<string> =>
  JSON.stringify(
    await Promise.all(
      [
        '/v1/tenants/other',
        '/v1/queues/other/app',
        '/v1/queues/other/app/emails',
        '/v1/tenants/other/transports',
        '/v1/tenants/other/templates/welcome',
        '/v1/tenants/other/webhooks',
        '/v1/tenants/other/suppressions',
      ].map((path) => service.ok('GET', path)),
    ),
  );

test('no key reads or changes anything of another tenant, nor learns that it exists', async () => {
  const before = await snapshot();
  for (const key of Object.values(keys)) {
    for (const endpoint of over('queue', 'tenant')) {
      const foreign = await ask(endpoint, { tenant: 'other', application: 'app' }, key);
      const unknown = await ask(endpoint, { tenant: 'nobody', application: 'app' }, key);
      expect([endpoint.id, foreign.status, unknown.status]).toEqual([endpoint.id, 404, 404]);
    }
  }
  expect(await snapshot()).toBe(before);
});

test('a key of one application reaches nothing of another one, nor of the tenant', async () => {
  for (const role of ['admin', 'sender', 'reader']) {
    const key = keys[`${role} of one`] ?? '';
    for (const endpoint of over('queue')) {
      const { status } = await ask(endpoint, { tenant: 'acme', application: 'second' }, key);
      expect([endpoint.id, status]).toEqual([endpoint.id, 404]);
    }
    for (const endpoint of over('tenant')) {
      const { status } = await ask(endpoint, { tenant: 'acme', application: 'app' }, key);
      expect([endpoint.id, status]).toEqual([endpoint.id, 404]);
    }
    expect((await service.call('GET', '/v1/queues/acme/app', undefined, { key })).status).toBe(200);
  }
});

test('lists show what lies within the key’s reach alone, and what is foreign in them is not there', async () => {
  const begun = await service.call('POST', '/v1/tenants/other/bulk', { action: 'hold', all: true, dryRun: true });
  const id = String(begun.body['id']);
  for (const [who, key] of Object.entries(keys)) {
    for (const endpoint of over('reach', 'installation')) {
      const { status, body } = await ask(endpoint, { tenant: 'acme', application: 'app', id }, key);
      expect([who, endpoint.id, JSON.stringify(body).includes('other')]).toEqual([who, endpoint.id, false]);
      const isForeign = endpoint.path.endsWith('{id}') && may(identityOf(who), endpoint.may.action);
      if (isForeign) expect([who, endpoint.id, status]).toEqual([who, endpoint.id, 404]);
    }
    const foreign = await service.call('DELETE', `/v1/keys/${ids['other']?.key}`, undefined, { key });
    expect([who, foreign.status]).toEqual([who, who.startsWith('admin') ? 404 : 403]);
  }
  expect((await service.call('GET', `/v1/operations/${id}`)).status).toBe(200);
});

test('what a role may not is 403, and what it may is not: of every endpoint', async () => {
  for (const [who, key] of Object.entries(keys)) {
    const ofOne = who.endsWith('of one');
    for (const endpoint of ENDPOINTS) {
      if (ofOne && endpoint.may.over === 'tenant') continue;
      const allowed = may(identityOf(who), endpoint.may.action);
      // What would be taken away, or changed for the others, is asked for where there is nothing.
      const nowhere = allowed &&
        endpoint.method === 'delete' && { name: 'none', ...(!ofOne && { application: 'none' }) };
      const place = { tenant: 'acme', application: 'app', id: 'none', ...nowhere };
      const { status, body } = await ask(endpoint, place, key);
      expect({ who, id: endpoint.id, code: status === 403 ? body['code'] : undefined }).toEqual({
        who,
        id: endpoint.id,
        code: allowed ? undefined : 'forbidden',
      });
    }
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
