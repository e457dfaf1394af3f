// The TypeScript client against a real API process, over a network that fails.
import { createHmac, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { bundleClient, loadClient, type ClientModule } from '../../support/http/load-client';
import { startProcess, serviceEnv, type ServiceProcess } from '../../support/processes/process';
import { startProxy, type TcpProxy } from '../../support/redis/tcp-proxy';
import { OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';

let service: Service;
let api: ServiceProcess;
let proxy: TcpProxy;
let rohrpost: ClientModule;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await setUpQueue(service, 'acme/app', 1);
  api = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
  proxy = await startProxy({ host: '127.0.0.1', port: api.port });
  rohrpost = await loadClient();
});
afterAll(async () => {
  await proxy.close();
  await api.end('SIGTERM');
  await service.close();
});

const client = (more: object = {}) =>
  rohrpost.createClient({ url: `http://127.0.0.1:${proxy.port}`, key: OPERATOR_KEY, ...more });
const email = (more: object = {}) => ({ to: 'ann@example.org', subject: 'Hello', text: 'Hello Ann', ...more });
const all = async <T>(from: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const one of from) found.push(one);
  return found;
};
/** What it throws. */
const refusal = async (work: Promise<unknown>): Promise<InstanceType<ClientModule['RohrpostProblem']>> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof rohrpost.RohrpostProblem)) throw new Error('no problem was thrown', { cause: error });
  return error;
};

test('an answer that is lost is asked for again, and the email is accepted once', async () => {
  let lost = 0;
  proxy.onReply = () => (lost++ < 2 ? 'cut' : 'pass');
  const receipt = await client().emails.send('acme/app', email({ tags: ['lost'] }));
  proxy.onReply = undefined;
  expect(lost).toBeGreaterThan(2);
  const found = await all(client().emails.list({ queue: 'acme/app', tag: 'lost' }));
  expect(found.map(({ id }) => id)).toEqual([receipt.id]);
});

test('what might be done twice is not sent again', async () => {
  const { id } = await client().emails.send('acme/app', email({ sendAt: '2030-01-01T00:00:00Z' }));
  let asked = 0;
  proxy.onReply = () => (asked++, 'cut');
  const path = { tenant: 'acme', application: 'app', id };
  const hold = client().api.POST('/v1/queues/{tenant}/{application}/emails/{id}/hold', { params: { path } });
  await expect(hold).rejects.toMatchObject({ name: 'TypeError' });
  proxy.onReply = undefined;
  expect(asked).toBe(1);
  expect(await client().emails.get('acme/app', id)).toMatchObject({ state: 'held' });
});

test('a refusal is an error with code, status and pointers; that of a proxy too', async () => {
  const problem = await refusal(client().emails.send('acme/app', email({ to: ['nobody'] })));
  expect(problem).toMatchObject({ code: 'invalid', status: 422, errors: [{ path: '/to/0' }] });
  expect(problem.message).toContain('/to/0');
  expect(problem.requestId).toMatch(/^[\w-]{36}$/);
  const fetch = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway' }));
  expect(await refusal(client({ fetch, retries: 0 }).emails.get('acme/app', 'm_1'))).toMatchObject({
    code: 'no-problem',
    status: 502,
    message: '502 Bad Gateway: <h1>Bad gateway</h1>',
  });
});

test('a rate is waited for as Retry-After says, up to the longest wait', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', {
    role: 'sender',
    tenant: 'acme',
    rate: { max: 1, per: '2s' },
  });
  await client({ key }).emails.send('acme/app', email());
  expect(await refusal(client({ key, maxDelay: 10 }).emails.send('acme/app', email()))).toMatchObject({
    code: 'rate-limited',
  });
  await client({ key }).emails.send('acme/app', email());
  const stop = new AbortController();
  const sent = client({ key }).emails.send('acme/app', email(), { signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
});

test('an answer that does not begin in time is given up', async () => {
  proxy.freeze();
  const asked = client({ timeout: 50, retries: 1 }).emails.get('acme/app', 'm_1');
  await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' });
  proxy.cut();
  proxy.thaw();
});

test('lists go on over pages; a batch tells of each line', async () => {
  const emails = Array.from({ length: 7 }, (_, n) => ({ to: n === 6 ? 'nobody' : `p${n}@example.org` }));
  const { results } = await client().emails.sendBatch('acme/app', {
    emails,
    defaults: { subject: 'Page', text: '-', tags: ['paged'] },
  });
  expect(results.filter((one) => 'problem' in one)).toMatchObject([{ index: 6, problem: { code: 'invalid' } }]);
  const none = await client().emails.sendBatch('acme/app', { emails: [{ to: 'nobody', text: '-' }] });
  expect(none.results).toMatchObject([{ index: 0, problem: { code: 'invalid' } }]);
  for (const place of [{ queue: 'acme/app' as const }, { tenant: 'acme' }, {}]) {
    const found = await all(client().emails.list({ ...place, tag: 'paged', limit: 2 }));
    expect(found.map(({ to }) => to[0]).sort()).toEqual(emails.slice(0, 6).map(({ to }) => to));
  }
  expect((await all(client().queues())).map(({ application }) => application)).toEqual(['app']);
  expect((await all(client().tenants())).map(({ tenant }) => tenant)).toEqual(['acme']);
});

describe('a webhook', () => {
  const payload = '{"type":"email.sent","timestamp":"2026-12-01T08:00:00.000Z","data":{"id":"m_1","subject":"Grüße"}}';
  const [mine, former, other] = Array.from({ length: 3 }, () => `whsec_${randomBytes(24).toString('base64')}`);
  const now = Date.parse('2026-12-01T08:00:01Z');
  const signature = (secret = '', body = payload, at = now / 1_000): string =>
    `v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
      .update(`msg_1.${at}.${body}`)
      .digest('base64')}`;
  const headers = (signatures: string, at = now / 1_000) => ({
    'Webhook-Id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': signatures,
  });
  const verify = (signatures: string, secret: string | string[] = mine ?? '', body: string | Uint8Array = payload) =>
    rohrpost.verifyWebhook(body, headers(signatures), secret, { now });

  test('is believed where one of its signatures is made with one of the secrets', async () => {
    const event = { type: 'email.sent', data: { subject: 'Grüße' } };
    expect(await verify(signature(mine))).toMatchObject(event);
    expect(await verify(signature(mine), mine, Buffer.from(payload))).toMatchObject(event);
    expect(await verify(`v1a,AAAA v1,! ${signature(former)} ${signature(mine)}`)).toMatchObject(event);
    expect(await verify(signature(former), [mine ?? '', former ?? ''])).toMatchObject(event);
    const given = new Headers(headers(signature(mine)));
    expect(await rohrpost.verifyWebhook(payload, given, mine ?? '', { now })).toMatchObject(event);
  });

  test('is not believed where anything of it is changed', async () => {
    const { WebhookVerificationError: Unbelieved } = rohrpost;
    for (const signatures of [signature(other), '', 'v1,', signature(mine).slice(3), signature(mine).slice(0, -5)])
      await expect(verify(signatures)).rejects.toThrow(Unbelieved);
    await expect(verify(signature(mine), mine, payload.replace('m_1', 'm_2'))).rejects.toThrow(Unbelieved);
    await expect(verify(signature(mine), [])).rejects.toThrow(Unbelieved);
    for (const at of [now / 1_000 - 301, now / 1_000 + 301, Number.NaN]) {
      const old = headers(signature(mine, payload, at), at);
      await expect(rohrpost.verifyWebhook(payload, old, mine ?? '', { now })).rejects.toThrow('is not within 300 s');
    }
    await expect(rohrpost.verifyWebhook(payload, {}, mine ?? '')).rejects.toThrow('there is no header webhook-id');
    await expect(verify(signature(mine), 'whsec_')).rejects.toThrow(TypeError);
  });
});

test('with all that it needs it is smaller than 10 kB, minified and compressed', async () => {
  expect(gzipSync(await bundleClient('esm')).length).toBeLessThan(10_000);
});
