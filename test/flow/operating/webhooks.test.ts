// Webhooks are told of what happens: everything, signed, in the order of each email, whatever becomes of other endpoints.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { EVENT_TYPES } from '../../../libs/mail/email/event';
import { readEvents } from '../../support/http/event-reader';
import { startWebhookReceiver, type ReceivedEvent, type WebhookReceiver } from '../../support/http/webhook-receiver';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { complaint, deliveryStatus } from '../../support/smtp/reports';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
const receivers: WebhookReceiver[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) => {
        if (recipient.startsWith('nobody')) return '550 5.1.1 unknown';
        return recipient.startsWith('busy') ? '451 4.7.1 later' : undefined;
      },
      dot: async ({ message }) => (message === lost ? { action: 'reset' } : undefined),
      mail: ({ argument, message }) => {
        if (argument.includes('lost@')) lost = message;
      },
    },
  });
  const allowed = { allowPrivate: ['127.0.0.1'] };
  service = await startService({ api: allowed, worker: allowed });
  redis = openClient(service.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
  await Promise.all(receivers.map((receiver) => receiver.close()));
});
/** The message that the server breaks off after it has it. */
let lost = 0;

interface Shown extends Record<string, unknown> {
  enabled: boolean;
  secret: unknown;
  waiting: number;
  disabled?: { reason: string; text: string };
}

interface ShownDelivery {
  id: string;
  type: string;
  email?: string;
  status: string;
  attempts: number;
  nextAt?: string;
  answer?: { status?: number; text: string };
}

const receive = async (): Promise<WebhookReceiver> => {
  const receiver = await startWebhookReceiver();
  receivers.push(receiver);
  return receiver;
};

/** A webhook of a tenant that has a queue. */
const hook = async (tenant: string, settings: Record<string, unknown> = {}) => {
  const receiver = await receive();
  const { emails, queue } = await setUpQueue(service, `${tenant}/app`, smtp.port, { backoff: { delay: '6h' } });
  const path = `/v1/tenants/${tenant}/webhooks/erp`;
  const put = await service.ok<Shown>('PUT', path, { url: receiver.url, ...settings });
  receiver.secrets.push(String(put.secret));
  return { receiver, emails, queue, path };
};
const post = async (emails: string, changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const of = (id: string) => (event: ReceivedEvent) => event.body.data['id'] === id;
const deliveries = async (path: string, query = '') =>
  (await service.ok<{ deliveries: ShownDelivery[] }>('GET', `${path}/deliveries${query}`)).deliveries;

test('every kind of event is told, by the stream and by the webhook alike, in the order of its email', async () => {
  const { receiver, emails, queue, path } = await hook('all');
  const reader = await readEvents(service.url, OPERATOR_KEY, { query: '?tenant=all' });
  const state = async (id: string, wanted: string) =>
    eventually(async () => expect((await service.email(queue, id)).state).toBe(wanted));

  const marked = { tags: ['invoice'], metadata: { case: '114' } };
  const sent = await post(emails, marked);
  const failed = await post(emails, { to: ['nobody@example.org'] });
  const deferred = await post(emails, { to: ['busy@example.org'] });
  await state(deferred, 'deferred');
  await service.ok('POST', `${emails}/${deferred}/hold`);
  await service.ok('PATCH', `${emails}/${deferred}`, { to: ['ann@example.org'] });
  await service.ok('POST', `${emails}/${deferred}/release`);
  await state(deferred, 'sent');
  const canceled = await post(emails, { sendAt: '2034-01-01T00:00:00Z' });
  await service.ok('POST', `${emails}/${canceled}/cancel`);
  const soon = Date.now() + 300;
  const expired = await post(emails, {
    sendAt: new Date(soon).toISOString(),
    expiresAt: new Date(soon + 1).toISOString(),
  });
  const uncertain = await post(emails, { from: 'lost@all.example', onUncertain: 'hold' });
  await state(uncertain, 'uncertain');
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await service.ok('PUT', '/v1/tenants/all/transports/default', { host: '127.0.0.1', port: 1, security: 'none' });
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 10 }, () => anEmail()) });
  await reader.hears(1, ({ type }) => type === 'transport.down');
  const returnPath = { address: 'bounce+{tag}@all.example' };
  const right = { host: '127.0.0.1', port: smtp.port, security: 'none', returnPath };
  await service.ok('PUT', '/v1/tenants/all/transports/default', right);
  await reader.hears(1, ({ type }) => type === 'transport.up');
  const returned = await post(emails, { to: ['gone@example.org'] });
  await state(returned, 'sent');
  const from = smtp.messages.find(({ to }) => to.includes('gone@example.org'))?.from ?? '';
  for (const raw of [deliveryStatus({ to: from, recipient: 'gone@example.org' }), complaint(from)])
    await service.ok('POST', '/v1/tenants/all/bounces', undefined, {
      raw,
      headers: { 'content-type': 'message/rfc822' },
    });
  await state(expired, 'expired');

  await reader.hears(1, ({ type }) => type === 'email.expired');
  await reader.hears(1, ({ type }) => type === 'email.complained');
  const told = (events: { type: string; body: object }[]) =>
    events.map(({ type, body }) => `${type} ${String((body as { data: { id?: string } }).data.id)}`).sort();
  await eventually(async () => {
    expect(await service.ok('GET', path)).toMatchObject({ waiting: 0 });
    expect(told(receiver.taken)).toEqual(told(reader.heard));
  });
  reader.close();
  expect([...new Set(receiver.taken.map(({ type }) => type))].sort()).toEqual([...EVENT_TYPES].sort());
  expect(receiver.forged).toBe(0);
  expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(receiver.taken.length);
  const types = (id: string) => receiver.taken.filter(of(id)).map(({ type }) => type.replace('email.', ''));
  expect(types(deferred)).toEqual(['accepted', 'deferred', 'held', 'released', 'sent']);
  expect(types(returned)).toEqual(['accepted', 'sent', 'bounced', 'complained']);
  expect([sent, failed, canceled, expired, uncertain].map(types)).toEqual(
    ['sent', 'failed', 'canceled', 'expired', 'uncertain'].map((end) => ['accepted', end]),
  );
  expect(receiver.taken.filter(of(sent)).at(-1)?.body).toEqual({
    type: 'email.sent',
    timestamp: expect.stringMatching(/Z$/) as string,
    data: {
      id: sent,
      tenant: 'all',
      application: 'app',
      state: 'sent',
      recipients: ['ann@example.org'],
      attempt: 1,
      ...marked,
    },
  });
  expect(receiver.taken.filter(of(failed)).at(-1)?.body.data).toMatchObject({ code: 'refused', reply: '550 5.1.1' });
});

test('a webhook is put, shown, changed and removed as a transport is; its secret is shown once', async () => {
  await service.ok('PUT', '/v1/tenants/set', {});
  const path = '/v1/tenants/set/webhooks/erp';
  const url = 'https://erp.set.example/events';
  const made = await service.call<Shown>('PUT', path, { url });
  expect(made).toMatchObject({ status: 201, body: { webhook: 'erp', url, enabled: true, waiting: 0 } });
  expect(String(made.body.secret)).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const shown = await service.call<Shown>('GET', path);
  expect(shown.body.secret).toEqual({ set: true });
  expect(shown.headers.get('etag')).toBe(made.headers.get('etag'));
  // As it was answered, and with less: the secret stays.
  for (const body of [shown.body, { url }]) {
    const again = await service.call<Shown>('PUT', path, body, { headers: { 'if-match': '*' } });
    expect([again.status, again.body.secret]).toEqual([200, { set: true }]);
    expect(again.headers.get('etag')).toBe(made.headers.get('etag'));
  }
  const late = await service.call('PATCH', path, { enabled: false }, { headers: { 'if-match': '"other"' } });
  expect(late).toMatchObject({ status: 412, body: { code: 'version-mismatch' } });
  expect(await service.ok('PATCH', path, { events: ['email.failed'] })).toMatchObject({ events: ['email.failed'] });
  const rotated = await service.ok<Shown>('POST', `${path}/secret`);
  expect([rotated.secret === made.body.secret, String(rotated.secret)]).toEqual([
    false,
    expect.stringMatching(/^whsec_/),
  ]);
  expect(await service.ok('GET', path)).toHaveProperty('formerSecretUntil');
  const own = await service.ok<Shown>('PUT', path, { url, secret: `whsec_${Buffer.alloc(24, 1).toString('base64')}` });
  expect(own.secret).toEqual({ set: true });

  const wrong: [object, string][] = [
    [{}, '/url'],
    [{ url: 'ftp://a.example/' }, '/url'],
    [{ url: 'http://a.example/' }, '/url'],
    [{ url: 'https://user:pass@a.example/' }, '/url'],
    ...['10.0.0.1', '169.254.169.254', '[::1]', '167772161'].map((host): [object, string] => [
      { url: `https://${host}/` },
      '/url',
    ]),
    [{ url, events: ['email.opened'] }, '/events/0'],
    [{ url, events: [] }, '/events'],
    [{ url, applications: ['A'] }, '/applications/0'],
    [{ url, secret: 'short' }, '/secret'],
    [{ url, secret: `whsec_${Buffer.alloc(23).toString('base64')}` }, '/secret'],
    [{ url, retries: 3 }, '/retries'],
    [{ url, webhook: 'other' }, '/webhook'],
  ];
  for (const [body, at] of wrong) {
    const answer = await service.call('PUT', path, body);
    expect([body, answer.status, answer.body['errors']]).toEqual([
      body,
      422,
      expect.arrayContaining([expect.objectContaining({ path: at })]),
    ]);
  }
  expect((await service.call('PUT', '/v1/tenants/nowhere/webhooks/erp', { url })).status).toBe(404);
  await service.ok('DELETE', path);
  expect((await service.call('GET', path)).status).toBe(404);
  expect((await service.call('DELETE', path)).status).toBe(404);
  const { entries } = await service.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=set');
  expect(entries.map(({ what }) => what).filter((what) => what.startsWith('webhook'))).toEqual([
    'webhook deleted',
    'webhook put',
    'webhook secret changed',
    'webhook patched',
    'webhook put',
    'webhook put',
    'webhook put',
  ]);
  expect(JSON.stringify(entries)).not.toContain('whsec_');
});

test('a test is sent at once, signed with every secret that holds, and says what was answered', async () => {
  const { receiver, path } = await hook('trial');
  const before = receiver.secrets.splice(0);
  receiver.secrets.push(String((await service.ok<Shown>('POST', `${path}/secret`)).secret));
  const tried = await service.ok('POST', `${path}/test`);
  expect(tried).toEqual({ ok: true, status: 204, text: '', ms: expect.any(Number) as number });
  receiver.secrets.splice(0, 1, ...before);
  expect(await service.ok('POST', `${path}/test`)).toMatchObject({ ok: true });
  expect(receiver.taken.map(({ body }) => [body.type, body.data])).toEqual(
    [1, 2].map(() => ['webhook.test', { tenant: 'trial', webhook: 'erp' }]),
  );
  receiver.answer(() => 500);
  const refused = await service.ok('POST', `${path}/test`);
  expect(refused).toMatchObject({ ok: false, status: 500, text: 'answer to (address): 500' });
  receiver.answer((_, response) => {
    response.writeHead(302, { location: receiver.url }).end();
    return 'answered';
  });
  const asked = receiver.asked.length;
  expect(await service.ok('POST', `${path}/test`)).toMatchObject({ ok: false, status: 302 });
  expect(receiver.asked).toHaveLength(asked + 1);
  // However much is answered, little of it is read.
  receiver.answer((_, response) => {
    response.writeHead(200);
    const more = (): void => void (response.destroyed || (response.write('x'.repeat(65_536)), setImmediate(more)));
    more();
    return 'answered';
  });
  expect(await service.ok('POST', `${path}/test`)).toMatchObject({ ok: true, status: 200, text: 'x'.repeat(200) });
  await receiver.close();
  expect(await service.ok('POST', `${path}/test`)).toMatchObject({
    ok: false,
    text: expect.stringContaining('ECONNREFUSED') as string,
  });
  receivers.splice(receivers.indexOf(receiver), 1);
});

test('it hears what it asks for, of its tenant alone', async () => {
  const { receiver, emails } = await hook('some', { events: ['email.sent'], applications: ['app'] });
  const second = await setUpQueue(service, 'some/second', smtp.port);
  const foreign = await setUpQueue(service, 'other/app', smtp.port);
  for (const where of [second, foreign]) await post(where.emails);
  const last = await post(emails);
  await receiver.takes(1, of(last));
  expect(receiver.asked.map(({ type, body }) => [type, body.data['id']])).toEqual([['email.sent', last]]);
});

test('what is refused is tried again, others of the same email wait for it, those of others do not', async () => {
  const { receiver, emails, path, queue } = await hook('order');
  let refusals = 0;
  let first = '';
  receiver.answer((event) => (of(first)(event) && ++refusals <= 2 ? 503 : undefined));
  first = await post(emails);
  await eventually(async () => expect((await service.email(queue, first)).state).toBe('sent'));
  const second = await post(emails);
  await receiver.takes(2, of(second));
  expect(receiver.taken.filter(of(first))).toEqual([]);
  const [waiting] = await deliveries(path, '?status=waiting');
  expect(waiting).toMatchObject({ type: 'email.sent', email: first, attempts: 0 });
  await receiver.takes(2, of(first));
  const asked = receiver.asked.filter(of(first));
  expect(asked.map(({ type }) => type)).toEqual([...[1, 2, 3].map(() => 'email.accepted'), 'email.sent']);
  expect(new Set(asked.slice(0, 3).map(({ id }) => id)).size).toBe(1);
  const [one, two, three] = asked.map(({ at }) => at) as [number, number, number];
  expect(three - two).toBeGreaterThan(2 * (two - one));
  await eventually(async () => expect(await service.ok('GET', path)).toMatchObject({ waiting: 0 }));
  const all = await deliveries(path);
  expect(all.map(({ status }) => status)).toEqual(all.map(() => 'delivered'));
  expect(all.find(({ id }) => id === asked[0]?.id)).toMatchObject({ attempts: 3, answer: { status: 204 } });
  // Page by page, each once.
  const pages: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page: { deliveries: ShownDelivery[]; nextCursor: string | null } = await service.ok(
      'GET',
      `${path}/deliveries?limit=1&status=delivered${at}`,
    );
    pages.push(...page.deliveries.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  expect(pages).toEqual(all.map(({ id }) => id));
});

test('a receiver’s Retry-After holds for all that it is told', async () => {
  const { receiver, emails } = await hook('wish');
  let at = 0;
  receiver.answer((_, response) => {
    if (at > 0) return undefined;
    at = Date.now();
    response.writeHead(429, { 'retry-after': '3' }).end();
    return 'answered';
  });
  await post(emails);
  await eventually(() => expect(at).toBeGreaterThan(0));
  await post(emails);
  const [taken] = await receiver.takes(4);
  expect((taken?.at ?? 0) - at).toBeGreaterThanOrEqual(2_900);
});

test('endpoints that never answer hold up no other tenant’s', async () => {
  const slow = await Promise.all(['slow-a', 'slow-b', 'slow-c'].map((tenant) => hook(tenant)));
  for (const { receiver } of slow) receiver.answer(() => 'never');
  const quick = await hook('quick');
  for (const { emails } of slow)
    await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 40 }, () => anEmail()) });
  await eventually(() => {
    for (const { receiver } of slow) expect(receiver.asked.length).toBeGreaterThanOrEqual(10);
  });
  const begun = Date.now();
  const id = await post(quick.emails);
  await quick.receiver.takes(2, of(id));
  // The others' first requests are not over yet.
  expect(Date.now() - begun).toBeLessThan(5_000);
  for (const { receiver, path } of slow) {
    expect(receiver.asked.length).toBe(10);
    await service.ok('DELETE', path);
  }
});

test('410 switches it off; switched on again it is told what waited, and not what happened meanwhile', async () => {
  const { receiver, emails, path, queue } = await hook('gone', { events: ['email.accepted'] });
  receiver.answer(() => 410);
  await post(emails);
  const off = await eventually(async () => {
    const shown = await service.ok<Shown>('GET', path);
    expect(shown).toMatchObject({ enabled: false, disabled: { reason: 'gone' } });
    return shown;
  });
  expect(off.disabled?.text).toBe('it answered 410 answer to (address): 410');
  const { entries } = await service.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=gone');
  expect(entries[0]).toMatchObject({ by: 'the service', target: 'erp' });
  expect(entries[0]?.what).toMatch(/^webhook switched off: it answered 410/);
  const meanwhile = await post(emails);
  await eventually(async () => expect((await service.email(queue, meanwhile)).state).toBe('sent'));
  // The relay has told of it: whoever begins to listen now does not hear it any more.
  await eventually(async () =>
    expect(JSON.stringify(await redis.xrange('rohrpost:{events}:stream', '-', '+'))).toMatch(
      new RegExp(`email.sent[^"]*${meanwhile}`),
    ),
  );
  const [ended] = await deliveries(path);
  const again = `${path}/deliveries/${ended?.id}/retry`;
  expect(await service.call('POST', again)).toMatchObject({ status: 409, body: { code: 'webhook-off' } });

  receiver.answer(() => undefined);
  const on = await service.ok<Shown>('PATCH', path, { enabled: true });
  expect([on.enabled, on.disabled]).toEqual([true, undefined]);
  expect(await service.ok('POST', again)).toMatchObject({ status: 'waiting', attempts: 1 });
  const last = await post(emails);
  await receiver.takes(1, of(last));
  await receiver.takes(1, ({ id }) => id === ended?.id);
  expect(receiver.taken).toHaveLength(2);
  expect((await service.call('POST', `${path}/deliveries/evt_1-000001/retry`)).status).toBe(404);
});

test('where nothing was taken for a day it is switched off', async () => {
  const { receiver, emails, path } = await hook('fails', { events: ['email.accepted'] });
  receiver.answer(() => 500);
  await post(emails);
  await eventually(async () => expect(await service.ok('GET', path)).toHaveProperty('failingSince'));
  expect(await service.ok('GET', path)).toMatchObject({ enabled: true, waiting: 1 });
  // As if a day had passed, for the webhook and for what fails of it.
  const day = 25 * 3_600_000;
  const webhook = JSON.parse((await redis.hget('rohrpost:{fails}:webhooks', 'erp')) ?? '') as { onSince: number };
  await redis.hset('rohrpost:{fails}:webhooks', 'erp', JSON.stringify({ ...webhook, onSince: Date.now() - day }));
  await redis.publish('rohrpost:changed', 'webhook fails');
  await redis.hset('rohrpost:{fails}:webhook:erp:state', 'failing', Date.now() - day);
  await eventually(
    async () =>
      expect(await service.ok('GET', path)).toMatchObject({ enabled: false, disabled: { reason: 'failing' } }),
    { timeout: 20_000 },
  );
});

test('a webhook that is removed, and a tenant that is, leave nothing; events are on while there is one', async () => {
  const { path, emails, receiver } = await hook('former');
  receiver.answer(() => 500);
  await post(emails);
  await eventually(async () => expect((await deliveries(path)).length).toBeGreaterThan(0));
  expect((await redis.keys('rohrpost:{former}:webhook:*')).length).toBeGreaterThan(0);
  // As an hour after the last stream: the webhook alone wants events.
  await redis.hset('rohrpost:{events}:state', 'until', 0);
  await redis.publish('rohrpost:changed', 'listening events');
  receiver.answer(() => undefined);
  const id = await post(emails);
  await receiver.takes(2, of(id));
  await service.ok('DELETE', path);
  await eventually(async () => expect(await redis.keys('rohrpost:{former}:webhook*')).toEqual([]));

  await service.ok('PUT', '/v1/tenants/leaves', {});
  await service.ok('PUT', '/v1/tenants/leaves/webhooks/erp', { url: 'https://a.example/' });
  await service.ok('DELETE', '/v1/tenants/leaves');
  expect(await redis.keys('rohrpost:{leaves}:*')).toEqual([]);
});
