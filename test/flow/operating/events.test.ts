// Whoever listens is told of what happens to emails: each thing once, in order, nothing that did not happen, within the key's reach.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { readEvents, type EventReader, type HeardEvent } from '../../support/http/event-reader';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
const open: EventReader[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) => {
        if (recipient.startsWith('nobody')) return '550 5.1.1 unknown';
        return recipient.startsWith('busy') ? '451 4.7.1 later' : undefined;
      },
    },
  });
  service = await startService();
  redis = openClient(service.redis.url, { maxRetriesPerRequest: null });
});
afterEach(() => open.splice(0).forEach((reader) => reader.close()));
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
});

const listen = async (key = OPERATOR_KEY, options: Parameters<typeof readEvents>[2] = {}): Promise<EventReader> => {
  const reader = await readEvents(service.url, key, options);
  open.push(reader);
  return reader;
};
const post = async (emails: string, changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const of = (id: string) => (event: HeardEvent) => event.body.data['id'] === id;
const issue = async (more: object) => service.ok<{ id: string; key: string }>('POST', '/v1/keys', more);

test('while nobody listens nothing is written', async () => {
  const { emails, queue } = await setUpQueue(service, 'quiet/app', smtp.port);
  await post(emails);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 1 } }),
  );
  expect(await redis.keys('rohrpost:*outbox*')).toEqual([]);
  expect(await redis.exists('rohrpost:{events}:stream')).toBe(0);
});

test('what happens to an email, in its order, with what its sender marked it with', async () => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port, { backoff: { delay: '6h' } });
  const reader = await listen();
  const marked = { tags: ['invoice'], metadata: { case: 'of-Miller' } };
  const sent = await post(emails, marked);
  const told = await reader.hears(2, of(sent));
  expect(told.map(({ type }) => type)).toEqual(['email.accepted', 'email.sent']);
  expect(told[1]?.body).toEqual({
    type: 'email.sent',
    timestamp: expect.stringMatching(/Z$/) as string,
    data: {
      id: sent,
      tenant: 'acme',
      application: 'app',
      state: 'sent',
      recipients: ['ann@example.org'],
      attempt: 1,
      ...marked,
    },
  });
  const failed = await post(emails, { to: ['nobody@example.org'] });
  const [, failure] = await reader.hears(2, of(failed));
  expect(failure?.body).toMatchObject({
    type: 'email.failed',
    data: { state: 'failed', code: 'refused', reply: '550 5.1.1', attempt: 1, recipients: ['nobody@example.org'] },
  });
  const deferred = await post(emails, { to: ['busy@example.org'] });
  await reader.hears(2, of(deferred));
  await service.ok('POST', `${emails}/${deferred}/hold`);
  await service.ok('PATCH', `${emails}/${deferred}`, { to: ['ann@example.org'] });
  await service.ok('POST', `${emails}/${deferred}/release`);
  await reader.hears(5, of(deferred));
  expect(reader.heard.filter(of(deferred)).map(({ type, body }) => [type, body.data['state']])).toEqual([
    ['email.accepted', 'queued'],
    ['email.deferred', 'deferred'],
    ['email.held', 'held'],
    ['email.released', 'queued'],
    ['email.sent', 'sent'],
  ]);
  const later = await post(emails, { sendAt: '2034-01-01T00:00:00Z' });
  await service.ok('POST', `${emails}/${later}/cancel`);
  await service.call('POST', `${emails}/${later}/hold`);
  await reader.hears(2, of(later));
  const late = await post(emails, {
    sendAt: new Date(Date.now() + 400).toISOString(),
    expiresAt: new Date(Date.now() + 401).toISOString(),
  });
  await reader.hears(2, of(late));
  expect(reader.heard.filter(of(later)).map(({ type }) => type)).toEqual(['email.accepted', 'email.canceled']);
  // An address lives with the email and goes with it.
  const stream = JSON.stringify(await redis.xrange('rohrpost:{events}:stream', '-', '+'));
  expect(stream).toContain(sent);
  expect(stream).not.toMatch(/@|invoice|Miller/);
});

test('a batch tells of each of its emails; what is repeated with its key is told once', async () => {
  const { emails } = await setUpQueue(service, 'batch/app', smtp.port);
  await service.ok('POST', '/v1/queues/batch/app/pause');
  const reader = await listen(OPERATOR_KEY, { query: '?queue=batch/app&types=email.accepted' });
  const batch = { emails: Array.from({ length: 250 }, () => anEmail()) };
  const headers = { 'Idempotency-Key': 'once' };
  await service.ok('POST', `${emails}/batch`, batch, { headers });
  await service.ok('POST', `${emails}/batch`, batch, { headers });
  const last = await post(emails);
  await reader.hears(1, of(last));
  expect(reader.heard).toHaveLength(251);
  expect(new Set(reader.heard.map(({ body }) => body.data['id'])).size).toBe(251);
});

test('who was cut off goes on after the last event; what cannot be told any more is a gap', async () => {
  const { emails } = await setUpQueue(service, 'again/app', smtp.port);
  const query = '?tenant=again&types=email.sent';
  const first = await listen(OPERATOR_KEY, { query });
  const one = await post(emails);
  await first.hears(1);
  first.close();
  const ids = [await post(emails), await post(emails)];
  await eventually(async () =>
    expect(await service.ok('GET', '/v1/queues/again/app')).toMatchObject({ counts: { sent: 3 } }),
  );
  const second = await listen(OPERATOR_KEY, { query, lastEventId: first.lastId() });
  await second.hears(2);
  expect(second.heard.map(({ body }) => body.data['id']).sort()).toEqual(ids.sort());
  expect(first.heard.map(({ body }) => body.data['id'])).toEqual([one]);
  const old = await listen(OPERATOR_KEY, { query, lastEventId: `${Date.now() - 25 * 3_600_000}-0` });
  const [gap, ...rest] = await old.hears(4);
  expect([gap?.type, rest.length]).toEqual(['gap', 3]);
  expect((await service.call('GET', '/v1/events', undefined, { headers: { 'last-event-id': 'x' } })).status).toBe(422);
});

test('a key hears what it reaches, and its stream ends with it', async () => {
  const [a, b] = [await setUpQueue(service, 'one/app', smtp.port), await setUpQueue(service, 'one/more', smtp.port)];
  const c = await setUpQueue(service, 'two/app', smtp.port);
  const [ofTenant, ofQueue] = [
    await issue({ role: 'reader', tenant: 'one' }),
    await issue({ role: 'reader', tenant: 'one', application: 'app' }),
  ];
  const readers = [await listen(ofTenant.key), await listen(ofQueue.key)];
  const all = await listen(OPERATOR_KEY, { query: '?types=email.sent' });
  for (const { emails } of [c, b, a]) await post(emails);
  await all.hears(3);
  const [tenants, queues] = readers;
  const places = (reader?: EventReader) =>
    reader?.heard
      .filter(({ type }) => type === 'email.sent')
      .map(({ body }) => body.data['application'])
      .sort();
  await tenants?.hears(4);
  await queues?.hears(2);
  expect([places(tenants), places(queues)]).toEqual([['app', 'more'], ['app']]);
  for (const query of ['?tenant=two', '?queue=two/app', '?queue=none/app'])
    expect((await service.call('GET', `/v1/events${query}`, undefined, { key: ofTenant.key })).status).toBe(404);
  expect((await service.call('GET', '/v1/events?types=email.lost')).status).toBe(422);
  expect((await service.call('GET', '/v1/events?queue=one')).status).toBe(422);

  await service.ok('DELETE', `/v1/keys/${ofTenant.id}`);
  await tenants?.ended;
  const more = await Promise.all(Array.from({ length: 19 }, () => listen(ofQueue.key)));
  expect(more.map(({ status }) => status)).toEqual(more.map(() => 200));
  expect(await service.call('GET', '/v1/events', undefined, { key: ofQueue.key })).toMatchObject({
    status: 429,
    body: { code: 'too-many-streams' },
  });
});

test('what is not kept is told by its id alone', async () => {
  const { emails } = await setUpQueue(service, 'private/app', smtp.port, { history: { keep: false } });
  const reader = await listen();
  const id = await post(emails);
  const [, sent] = await reader.hears(2, of(id));
  expect(sent?.body.data).toMatchObject({ id, state: 'sent', recipients: [] });
});

test('a queue that is paused, a transport that goes down and is put right: told once each', async () => {
  const { emails, queue } = await setUpQueue(service, 'down/app', 1, { attempts: 50 });
  const reader = await listen(OPERATOR_KEY, {
    query: '?tenant=down&types=queue.paused,queue.resumed,transport.down,transport.up',
  });
  await service.ok('POST', `/v1/queues/${queue}/pause`, { reason: 'wrong date' });
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  await service.ok('PATCH', `/v1/queues/${queue}`, { enabled: true });
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 10 }, () => anEmail()) });
  await reader.hears(3);
  const right = { host: '127.0.0.1', port: smtp.port, security: 'none' };
  await service.ok('PUT', '/v1/tenants/down/transports/default', right);
  await reader.hears(4);
  expect(reader.heard.map(({ type, body }) => [type, body.data])).toEqual([
    ['queue.paused', { tenant: 'down', application: 'app' }],
    ['queue.resumed', { tenant: 'down', application: 'app' }],
    ['transport.down', { tenant: 'down', transport: 'default' }],
    ['transport.up', { tenant: 'down', transport: 'default' }],
  ]);
});

test('streams end when the process stops', async () => {
  const other = await startService({ workers: 0 });
  const reader = await readEvents(other.url, OPERATOR_KEY);
  const begun = performance.now();
  await other.api.lifecycle.stop('test');
  await reader.ended;
  expect(performance.now() - begun).toBeLessThan(3_000);
  await other.close();
});
