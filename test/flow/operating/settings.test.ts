// Settings that are changed without losing any: PATCH, a PUT of what GET answered, versions, and the audit of all of it.
import { createDkim } from '../../support/smtp/dkim';
import { setUpQueue, startService, type Service } from '../../support/service';

let service: Service;
let count = 0;
let tenant: string;
let queue: string;
let transport: string;

beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());
beforeEach(async () => {
  tenant = `/v1/tenants/t${count}`;
  queue = `/v1/queues/t${count}/app`;
  transport = `${tenant}/transports/default`;
  await setUpQueue(service, `t${count}/app`, 1);
  count++;
});

type Body = Record<string, unknown>;
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };
const LOGIN = {
  host: 'smtp.acme.example',
  security: 'starttls',
  auth: { user: 'billing', pass: 'Pa55-of-the-server' },
};
const get = (path: string) => service.ok<Body>('GET', path);
const patch = (path: string, body: unknown, options = {}) => service.call('PATCH', path, body, options);
const etag = async (path: string): Promise<string> => (await service.call('GET', path)).headers.get('etag') ?? '';
const adminKey = async (): Promise<string> =>
  (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: tenant.split('/').at(-1) })).key;
interface Entry {
  what: string;
  reason?: string;
  fields?: Record<string, { before: unknown; after: unknown }>;
}
const audit = async (): Promise<Entry[]> =>
  (await service.ok<{ entries: Entry[] }>('GET', `/v1/audit?tenant=${tenant.split('/').at(-1)}`)).entries;

test('a patch changes what it names and nothing else', async () => {
  await service.ok('PUT', queue, {
    from: 'Acme <a@acme.example>',
    replyTo: ['r@acme.example', 's@acme.example'],
    backoff: { type: 'fixed', delay: '5s' },
    rate: { max: 10, per: '1m' },
  });
  const before = await get(queue);
  expect(await patch(queue, { concurrency: 5 }, MERGE)).toMatchObject({ status: 200, body: { concurrency: 5 } });
  expect(await get(queue)).toEqual({ ...before, concurrency: 5, updatedAt: expect.any(String) as string });
  const members = { backoff: { delay: '9s', jitter: 0, type: null }, replyTo: ['t@acme.example'], rate: null };
  expect(await patch(queue, members)).toMatchObject({
    status: 200,
    body: {
      from: 'Acme <a@acme.example>',
      backoff: { delay: '9s', jitter: 0 },
      replyTo: ['t@acme.example'],
      concurrency: 5,
    },
  });
  const after = await get(queue);
  expect(after).not.toHaveProperty('rate');
  expect(after['backoff']).not.toHaveProperty('type');

  await service.ok('PUT', transport, { ...LOGIN, limits: { connections: 3, perMinute: 60 } });
  expect(await patch(transport, { limits: { perMinute: 30 } })).toMatchObject({
    status: 200,
    body: { auth: { user: 'billing', pass: { set: true } }, limits: { connections: 3, perMinute: 30 } },
  });
  await service.ok('PUT', tenant, { attempts: 7, history: { days: 3 } });
  expect(await patch(tenant, { history: { keep: false } })).toMatchObject({
    body: { attempts: 7, history: { days: 3, keep: false }, enabled: true },
  });
});

test('what GET answered may be put as it is: nothing changes, and no version of it', async () => {
  await service.ok('PUT', tenant, { from: { name: 'Lee, "Ann" \\', address: 'a@acme.example' }, maxWaiting: 7 });
  await service.ok('PUT', queue, {
    from: 'Acme <a@acme.example>',
    replyTo: 'b@acme.example',
    rate: { max: 5, per: '1s' },
    dataSources: ['https://erp.acme.example/'],
    listUnsubscribe: { url: 'https://acme.example/off?{id}' },
  });
  await service.ok('POST', `${queue}/pause`, { reason: 'moving' });
  await service.ok('PUT', transport, { ...LOGIN, name: 'mx.acme.example', tls: { minVersion: 'TLSv1.3' } });
  const template = `${tenant}/templates/letter`;
  await service.ok('PUT', template, { subject: 'Hi', text: 'Hi' });
  for (const path of [tenant, queue, transport, template]) {
    const shown = await service.call<Body>('GET', path);
    for (const method of path === template ? ['PUT'] : ['PUT', 'PATCH']) {
      const answer = await service.call<Body>(method, path, shown.body);
      expect([path, method, answer.status]).toEqual([path, method, 200]);
      const times = { updatedAt: expect.anything() as unknown, version: expect.anything() as unknown };
      expect({ ...times, ...answer.body }).toEqual({ ...answer.body, ...shown.body, ...times });
      expect(answer.headers.get('etag')).toBe(shown.headers.get('etag'));
    }
  }
  expect(await get(queue)).toMatchObject({ paused: true, pause: { reason: 'moving' } });
  for (const [path, body, pointer] of [
    [tenant, { tenant: 'other' }, '/tenant'],
    [queue, { application: null }, '/application'],
    [transport, { ...LOGIN, transport: 'second' }, '/transport'],
    [template, { name: 'other', subject: 'Hi', text: 'Hi' }, '/name'],
  ] as const)
    expect(await service.call('PUT', path, body)).toMatchObject({ status: 422, body: { errors: [{ path: pointer }] } });
});

test('a PUT replaces; an empty one, or a patch sent by PUT, takes nothing away', async () => {
  await service.ok('PUT', queue, { from: 'a@acme.example', concurrency: 3 });
  expect((await service.call('PUT', queue)).status).toBe(422);
  expect((await service.call('PUT', queue, { concurrency: 4 }, MERGE)).status).toBe(415);
  expect(await get(queue)).toMatchObject({ from: 'a@acme.example', concurrency: 3 });
  const json = { headers: { 'content-type': 'application/json-patch+json' } };
  const refused = await patch(queue, [{ op: 'remove', path: '/from' }], json);
  expect([refused.status, refused.headers.get('accept-patch')]).toEqual([
    415,
    'application/merge-patch+json, application/json',
  ]);
  await service.ok('PUT', queue, { concurrency: 4 });
  expect(await get(queue)).not.toHaveProperty('from');
});

test('a patch is checked as a whole, and makes nothing that is not there', async () => {
  await service.ok('PUT', queue, { rate: { max: 1, per: '1s' } });
  await service.ok('PUT', transport, LOGIN);
  for (const [path, body, pointer] of [
    [queue, { rate: { max: null } }, '/rate/max'],
    [queue, { replyTo: [null] }, '/replyTo/0'],
    [queue, { colour: 1 }, '/colour'],
    [queue, { backoff: 'slow' }, '/backoff'],
    [queue, ['concurrency'], ''],
    [transport, { host: null }, '/host'],
    [transport, { auth: { pass: null } }, '/auth/pass'],
  ] as const)
    expect(await patch(path, body)).toMatchObject({
      status: 422,
      body: { errors: expect.arrayContaining([expect.objectContaining({ path: pointer })]) as unknown },
    });
  for (const path of ['/v1/tenants/nobody', queue.replace('app', 'none'), `${tenant}/transports/none`]) {
    expect([path, (await patch(path, {})).status]).toEqual([path, 404]);
    expect([path, (await service.call('GET', path)).status]).toEqual([path, 404]);
  }
  expect(await get(queue)).toMatchObject({ rate: { max: 1, per: '1s' } });
});

test('of changes at once none is lost, and of two with the same version one is told', async () => {
  const fields = ['attempts', 'concurrency'] as const;
  await Promise.all([
    ...fields.map((name, n) => patch(queue, { [name]: n + 2 })),
    ...Array.from({ length: 20 }, (_, n) => patch(queue, { history: { days: n } })),
    ...['delay', 'maxDelay'].map((name) => patch(queue, { backoff: { [name]: '7s' } })),
    patch(queue, { onUncertain: 'hold' }),
  ]);
  expect(await get(queue)).toMatchObject({
    from: expect.stringContaining('Sender') as string,
    attempts: 2,
    concurrency: 3,
    backoff: { delay: '7s', maxDelay: '7s' },
    onUncertain: 'hold',
    history: { days: expect.any(Number) as number },
  });
  for (const path of [tenant, queue, transport]) {
    const version = await etag(path);
    const body = (n: number): Body => (path === transport ? { limits: { connections: n } } : { attempts: n });
    const both = await Promise.all([5, 6].map((n) => patch(path, body(n), { headers: { 'If-Match': version } })));
    expect([path, both.map(({ status }) => status).sort()]).toEqual([path, [200, 412]]);
    expect(both.find(({ status }) => status === 412)?.body).toMatchObject({ code: 'version-mismatch' });
    const now = await etag(path);
    expect(now).not.toBe(version);
    for (const given of [now, now.slice(1, -1), '*', `W/${now}, "x"`])
      expect([given, (await patch(path, {}, { headers: { 'If-Match': given } })).status]).toEqual([given, 200]);
    expect((await patch(path, {}, { headers: { 'If-Match': '"' } })).body).toMatchObject({
      code: 'malformed-if-match',
    });
    expect((await service.call('DELETE', path, undefined, { headers: { 'If-Match': version } })).status).toBe(412);
  }
  const letter = `${tenant}/templates/letter`;
  await service.ok('PUT', letter, { subject: 'Hi', text: '0' });
  const headers = { 'If-Match': await etag(letter) };
  const texts = ['1', '2'].map((text) => service.call('PUT', letter, { subject: 'Hi', text }, { headers }));
  expect((await Promise.all(texts)).map(({ status }) => status).sort()).toEqual([201, 412]);
  const anew = await service.call('PUT', `${tenant}/transports/new`, LOGIN, { headers: { 'If-Match': '*' } });
  expect(anew.status).toBe(412);
});

test('of pauses and resumptions at once, the one that is kept is the one that holds', async () => {
  const set = Array.from({ length: 12 }, (_, n) => patch(queue, { enabled: n % 2 === 0 }));
  await Promise.all([...set, service.call('POST', `${queue}/pause`), service.call('POST', `${queue}/resume`)]);
  // What BullMQ holds is shown, the version is that of what is kept: they are the same where nothing changes by this.
  const shown = await service.call<Body>('GET', queue);
  const put = await service.call<Body>('PUT', queue, shown.body);
  expect(put.headers.get('etag')).toBe(shown.headers.get('etag'));
  expect(put.body).toMatchObject({ paused: shown.body['paused'] });
});

test('a password goes nowhere but where it was given for', async () => {
  await service.ok('PUT', transport, { ...LOGIN, port: 2525 });
  const kept = { ...LOGIN, port: 2525, auth: { user: 'billing', pass: { set: true } } };
  for (const change of [
    { host: 'evil.example' },
    { port: 2526 },
    { security: 'tls' },
    { tls: { servername: 'evil.example' } },
    { tls: { ca: '-----BEGIN CERTIFICATE-----' } },
    { auth: { user: 'other' } },
  ]) {
    const needed = { status: 422, body: { code: 'secret-needed', errors: [{ path: '/auth/pass' }] } };
    expect(await patch(transport, change)).toMatchObject(needed);
    const whole = { ...kept, ...change, auth: { ...kept.auth, ...change.auth } };
    expect(await service.call('PUT', transport, whole)).toMatchObject(needed);
  }
  expect(await service.call('PUT', transport, { ...kept, port: undefined })).toMatchObject({ status: 422 });
  expect((await service.call('PUT', transport, kept)).status).toBe(200);
  const anew = { host: 'new.example', auth: { pass: 'given-again' } };
  expect(await patch(transport, anew)).toMatchObject({ status: 200, body: { host: 'new.example', port: 2525 } });
  // Without a login there is nothing to give away.
  expect((await patch(transport, { auth: null, host: 'else.example' })).status).toBe(200);
});

test('the key that signs is not used for another server, nor for who logs in there', async () => {
  const dkim = createDkim('acme.example', 's').settings;
  await service.ok('PUT', transport, { host: 'smtp.acme.example', port: 2525, security: 'starttls', dkim });
  const kept = { ...(await get(transport)) };
  expect(kept).toMatchObject({ dkim: { privateKey: { set: true } } });
  for (const change of [
    { host: 'evil.example' },
    { port: 2526 },
    { security: 'none' },
    { tls: { servername: 'evil.example' } },
    { auth: { user: 'other', pass: 'given' } },
  ]) {
    const needed = { status: 422, body: { code: 'secret-needed', errors: [{ path: '/dkim/privateKey' }] } };
    expect(await patch(transport, change)).toMatchObject(needed);
    expect(await service.call('PUT', transport, { ...kept, ...change })).toMatchObject(needed);
  }
  expect(await get(transport)).toEqual(kept);
  expect((await patch(transport, { limits: { connections: 1 }, dkim: { selector: 't' } })).status).toBe(200);
  expect((await patch(transport, { host: 'new.example', dkim: { privateKey: dkim.privateKey } })).status).toBe(200);
  expect((await patch(transport, { host: 'else.example', dkim: null })).status).toBe(200);
});

test('an administrator changes what is his; what the operator set stays', async () => {
  await service.ok('PUT', tenant, { maxWaiting: 7, attempts: 3 });
  await service.ok('PUT', queue, { dataSources: ['https://erp.acme.example/'] });
  await service.ok('PUT', transport, { ...LOGIN, security: 'none', port: 25 });
  const key = await adminKey();
  expect(await patch(tenant, { attempts: 4 }, { key })).toMatchObject({ status: 200, body: { maxWaiting: 7 } });
  for (const [path, body] of [
    [tenant, { maxWaiting: null }],
    [tenant, { maxWaiting: 8 }],
    [queue, { dataSources: null }],
    [queue, { dataSources: [] }],
    [queue, { dataSources: ['https://evil.example/'] }],
  ] as const)
    expect([body, (await patch(path, body, { key })).status]).toEqual([body, 403]);
  await service.ok('PUT', tenant, {}, { key });
  expect(await get(tenant)).toMatchObject({ maxWaiting: 7 });
  // The operator allowed this login in clear: the limits are the administrator's, another password is not.
  expect((await patch(transport, { limits: { connections: 2 } }, { key })).status).toBe(200);
  expect(await patch(transport, { auth: { pass: 'x' } }, { key })).toMatchObject({ body: { code: 'plaintext-auth' } });
  expect((await patch('/v1/tenants/t0', {}, { key })).status).toBe(tenant.endsWith('t0') ? 200 : 404);
});

test('the audit tells what was before and after, and no secret', async () => {
  await patch(queue, { concurrency: 5 });
  await service.ok('PUT', transport, LOGIN);
  await patch(transport, { auth: { pass: 'another-Pa55' } });
  await patch(tenant, { attempts: 4 });
  await service.ok('PUT', `${tenant}/templates/letter`, { subject: 'Hi', text: 'Old' });
  await service.ok('PUT', `${tenant}/templates/letter`, { subject: 'Hi', text: 'New' });
  const { id } = await service.ok<{ id: string }>('POST', '/v1/keys', { role: 'reader', tenant: `t${count - 1}` });
  await service.ok('DELETE', `/v1/keys/${id}`);
  await service.ok('POST', `${queue}/pause`, { reason: 'moving' });
  await service.ok('DELETE', transport);
  const told = Object.fromEntries((await audit()).map((entry) => [entry.what, entry]));
  expect(told).toMatchObject({
    'queue patched': { fields: { concurrency: { before: null, after: 5 } } },
    'transport patched': { fields: { auth: { before: { user: 'billing' }, after: { pass: { changed: true } } } } },
    'tenant patched': { fields: { attempts: { before: null, after: 4 } } },
    'template put, version 2': { fields: { text: { before: 'Old', after: 'New' } } },
    'key issued (reader)': { fields: { role: { before: null, after: 'reader' } } },
    'key revoked': { fields: { role: { before: 'reader', after: null } } },
    'queue paused': { reason: 'moving' },
    'transport deleted': { fields: { host: { before: 'smtp.acme.example', after: null } } },
  });
  expect(Object.keys(told['queue patched']?.fields ?? {})).toEqual(['concurrency']);
  expect(Object.keys(told['template put, version 2']?.fields ?? {})).toEqual(['text']);
  expect(JSON.stringify(told)).not.toMatch(/Pa55|sealed/);
});

test('the audit is filtered by person, by what was changed and by time', async () => {
  const tenant = '/v1/tenants/searched';
  await service.ok('PUT', tenant, {});
  const { id, key } = await service.ok<{ id: string; key: string }>('POST', '/v1/keys', {
    role: 'admin',
    tenant: 'searched',
    name: 'M. Weber',
  });
  await service.ok('PUT', `${tenant}/transports/second`, { host: 'a.example' }, { key });
  const found = async (query: string) =>
    (await service.ok<{ entries: { what: string }[] }>('GET', `/v1/audit?tenant=searched&${query}`)).entries.map(
      ({ what }) => what,
    );
  expect(await found('by=m.%20weber')).toEqual(['transport put']);
  expect(await found('about=second')).toEqual(['transport put']);
  expect(await found(`about=${id}`)).toEqual(['key issued (admin)']);
  expect(await found('about=tenant&by=operator')).toEqual(['tenant put']);
  expect(await found('since=2020-01-01&until=2020-01-02')).toEqual([]);
  expect(await found('since=2020-01-01')).toHaveLength(3);
  for (const query of ['since=yesterday', 'since=2020-01-02&until=2020-01-01', 'by='])
    expect((await service.call('GET', `/v1/audit?${query}`)).status).toBe(422);
  const { nextCursor } = await service.ok<{ nextCursor: string }>('GET', '/v1/audit?tenant=searched&limit=1');
  const elsewhere = `/v1/audit?tenant=searched&limit=1&by=x&cursor=${nextCursor}`;
  expect((await service.call('GET', elsewhere)).body['code']).toBe('bad-cursor');
});
