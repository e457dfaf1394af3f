// One person is erased: the address is looked for everywhere afterwards, and whoever has it as a part of theirs keeps everything.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { untilState } from '../../support/emails';
import { readEvents } from '../../support/http/event-reader';
import { startArchiveEndpoint } from '../../support/http/archive-endpoint';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/http/webhook-receiver';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { deliveryStatus } from '../../support/smtp/reports';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { everyFile, everyKey, standsIn } from '../../support/traces';
import { deferred, eventually } from '../../support/wait';

const [ANN, JOANN, BOB] = ['ann@example.org', 'joann@example.org', 'bob@example.org'];
const LATER = '2038-01-01T00:00:00Z';

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let receiver: WebhookReceiver;
/** What a server that is asked for a message waits for. */
const held = deferred<void>();

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) => (recipient === ANN && refuses ? `550 5.1.1 <${ANN}>: no such user` : undefined),
      dot: async () => (holds ? held.promise : undefined),
    },
  });
  const allowed = { allowPrivate: ['127.0.0.1'] };
  service = await startService({ api: allowed, worker: allowed });
  redis = await service.redis.connect();
  receiver = await startWebhookReceiver();
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
  await receiver.close();
});
let refuses = false;
let holds = false;

interface Erasure extends Record<string, unknown> {
  id: string;
  state: string;
  protocol: Record<string, number>;
  left: number;
}

const post = async (queue: string, changes: Record<string, unknown>): Promise<string> =>
  (await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, anEmail(changes))).id;
const erase = async (tenant: string, body: object, key = OPERATOR_KEY): Promise<string> => {
  const begun = await service.call<Erasure>('POST', `/v1/tenants/${tenant}/erasure`, body, { key });
  expect(begun.status).toBe(202);
  expect(begun.headers.get('location')).toBe(`/v1/operations/${begun.body.id}`);
  return begun.body.id;
};
const operation = (id: string) => service.ok<Erasure>('GET', `/v1/operations/${id}`);
const done = (id: string) =>
  eventually(async () => {
    const shown = await operation(id);
    expect(shown.state).toBe('done');
    return shown;
  });
const state = async (queue: string, id: string): Promise<string> => {
  const { status, body } = await service.call<EmailBody>('GET', `/v1/queues/${queue}/emails/${id}`);
  return status === 404 ? 'gone' : body.state;
};

/** Everything that anybody of the tenant may read. */
const answers = async (tenant: string, queues: string[], ids: string[]): Promise<[string, string][]> => {
  const authorization = `Basic ${Buffer.from(`x:${OPERATOR_KEY}`).toString('base64')}`;
  const all = [
    ...[
      'emails',
      'audit',
      'operations',
      'incidents',
      'suppressions',
      'suppressions/export',
      'webhooks/erp/deliveries',
    ].map((part) => (part === 'audit' ? `/v1/audit?tenant=${tenant}` : `/v1/tenants/${tenant}/${part}`)),
    ...queues.flatMap((queue) => [
      `/v1/queues/${queue}/emails`,
      ...ids.flatMap((id) =>
        ['', '/explain', '/content', '/message'].map((part) => `/v1/queues/${queue}/emails/${id}${part}`),
      ),
      ...['failed', 'completed', 'delayed', 'waiting', ...ids].map(
        (part) =>
          `/board/api/queues/${queue.replace('/', '.')}${part.startsWith('m_') ? `/${part}` : `?status=${part}`}`,
      ),
    ]),
  ];
  const events = await readEvents(service.url, OPERATOR_KEY, { query: `?tenant=${tenant}`, lastEventId: '1-1' });
  await events.hears(1);
  const heard = JSON.stringify(events.heard);
  events.close();
  const texts = all.map(async (path): Promise<[string, string]> => {
    const asKey = { authorization: path.startsWith('/board') ? authorization : `Bearer ${OPERATOR_KEY}` };
    return [path, await (await fetch(`${service.url}${path}`, { headers: asKey })).text()];
  });
  return [['events', heard], ...(await Promise.all(texts))];
};

test('nothing of a person is left anywhere, and others keep what is theirs', async () => {
  const [a, b] = ['acme/shop', 'acme/news'];
  const settings = { archive: true, log: 'dialogue', backoff: { delay: '6h' } };
  await setUpQueue(service, a, smtp.port, settings);
  await setUpQueue(service, b, smtp.port, { ...settings, confidential: true });
  await service.ok('PATCH', '/v1/tenants/acme/transports/default', { returnPath: { address: 'b+{tag}@acme.example' } });
  const hook = await service.ok<{ secret: string }>('PUT', '/v1/tenants/acme/webhooks/erp', { url: receiver.url });
  receiver.secrets.push(hook.secret);
  receiver.answer(({ body }, response) => {
    response.writeHead(400).end(`cannot take ${JSON.stringify(body.data['recipients'])}`);
    return 'answered';
  });
  const big = (words: string): string => `${words} ${randomBytes(90_000).toString('base64')}`;

  // Theirs alone, in every state.
  const alone = {
    sent: await post(a, { to: [`Ann Lee <${ANN}>`], text: big(`For ${ANN}`), metadata: { mail: ANN }, tags: [ANN] }),
    scheduled: await post(a, { to: ['ANN@Example.ORG'], sendAt: LATER }),
    bcc: await post(a, { to: [ANN], bcc: [ANN], sendAt: LATER, headers: { 'X-Mail': ANN } }),
    secret: await post(b, { to: [ANN], subject: ANN, sendAt: LATER }),
    held: await post(a, { to: [ANN], sendAt: LATER }),
    canceled: await post(a, { to: [ANN], sendAt: LATER }),
  };
  await service.ok('POST', `/v1/queues/${a}/emails/${alone.held}/hold`);
  await service.ok('POST', `/v1/queues/${a}/emails/${alone.canceled}/cancel`);
  await untilState(service, a, alone.sent, 'sent');
  const wrong = await post(a, { to: [JOANN, ANN], text: `To ${ANN}`, sendAt: LATER });
  const others = {
    sent: await post(a, {
      to: [`Ann Lee <${ANN}>`, BOB],
      cc: [JOANN],
      text: big(`For ${ANN}`),
      metadata: { mail: ANN },
    }),
    waits: await post(a, { to: [ANN, BOB], sendAt: LATER, text: 'Hello both' }),
    corrected: await post(a, { to: [ANN], sendAt: LATER, text: 'Hello' }),
    reported: await post(a, { to: [ANN, BOB], text: 'Hello' }),
  };
  await service.ok('PATCH', `/v1/queues/${a}/emails/${others.corrected}`, { to: [BOB] });
  await untilState(service, a, others.sent, 'sent');
  await untilState(service, a, others.reported, 'sent');
  const returnPath = smtp.messages.at(-1)?.from ?? '';
  const report = deliveryStatus({ to: returnPath, recipient: ANN, diagnostic: `smtp; 550 5.1.1 ${ANN} unknown` });
  const type = { headers: { 'content-type': 'message/rfc822' } };
  await service.call('POST', '/v1/tenants/acme/bounces', undefined, { raw: report, ...type });
  refuses = true;
  const failed = await post(a, { to: [ANN, BOB] });
  await untilState(service, a, failed, 'failed');
  refuses = false;
  const theirs = await post(a, { to: [JOANN], text: `I am ${JOANN}`, sendAt: LATER });
  const joann = await post(a, { to: [`Joann <${JOANN}>`], text: big(`For ${JOANN}`), metadata: { mail: JOANN } });
  await untilState(service, a, joann, 'sent');
  await post(a, { to: [ANN], sendAt: LATER });

  // And what is beside the emails.
  await service.ok('PUT', `/v1/tenants/acme/suppressions/${ANN}`, { reason: `${ANN} complained by telephone` });
  await service.ok('PUT', `/v1/tenants/acme/suppressions/${JOANN}`, {});
  const order = {
    filter: { recipient: ANN },
    action: 'hold',
    replace: { recipient: { [ANN]: 'eve@example.org' } },
  };
  const bulk = await service.ok<{ id: string }>('POST', '/v1/tenants/acme/bulk', { ...order, dryRun: true });
  await eventually(async () => expect((await operation(bulk.id)).state).toBe('done'));
  const once = { headers: { 'idempotency-key': 'once' } };
  await service.ok('POST', `/v1/queues/${a}/emails`, anEmail({ to: [ANN], sendAt: LATER }), once);
  await eventually(() => expect(receiver.asked.length).toBeGreaterThan(5));
  const beside = [...Object.values(others), failed];
  const before = standsIn(ANN, [
    ...(await everyKey(service.redis, redis)),
    ...(await everyFile(`${service.dataDir}/content`)),
  ]);
  expect(before.length).toBeGreaterThan(20);

  const would = await done(await erase('acme', { recipient: ANN, dryRun: true }));
  expect(await service.email(a, alone.sent)).toMatchObject({ state: 'sent', metadata: { mail: ANN } });
  const shown = await done(await erase('acme', { recipient: 'Ann@EXAMPLE.org' }));
  expect(shown).toMatchObject({ action: 'erase-person', dryRun: false, left: 0, tenant: 'acme' });
  expect(shown.protocol).toEqual(would.protocol);
  expect(shown.protocol).toMatchObject({ emails: 9, recipients: 5, suppressions: 1, operations: 1 });
  expect(JSON.stringify(shown)).not.toMatch(/ann@/i);

  const queues = [a];
  const ids = [...Object.values(alone), ...beside, wrong, theirs, joann, shown.id, bulk.id];
  expect(standsIn(ANN, await answers('acme', queues, ids))).toEqual([]);
  expect(standsIn(ANN, await everyKey(service.redis, redis))).toEqual([]);
  expect(standsIn(ANN, await everyFile(`${service.dataDir}/content`))).toEqual([]);
  for (const id of [...Object.values(alone), wrong]) expect(await state(a, id)).toBe('gone');

  // What others have of it goes on without the person, and is still found by them.
  expect(await service.email(a, others.sent)).toMatchObject({
    state: 'sent',
    to: [BOB],
    cc: [JOANN],
  });
  expect(await service.email(a, others.corrected)).toMatchObject({ state: 'scheduled', to: [BOB] });
  const found = await service.ok<{ emails: EmailBody[] }>('GET', `/v1/tenants/acme/emails?recipient=${BOB}`);
  expect(found.emails.map(({ id }) => id).sort()).toEqual([...beside].sort());
  const none = await service.ok<{ emails: EmailBody[] }>('GET', `/v1/tenants/acme/emails?recipient=${ANN}`);
  expect(none.emails).toEqual([]);
  smtp.messages.splice(0);
  await service.ok('POST', `/v1/queues/${a}/emails/${others.waits}/send-now`);
  await untilState(service, a, others.waits, 'sent');
  expect(smtp.messages.map(({ to }) => to)).toEqual([[BOB]]);
  expect(smtp.messages[0]?.raw.toString()).not.toMatch(/(?<!jo)ann@/i);

  // Whoever complained is not written to, and no list says who that is.
  const again = await post(a, { to: ['ann@EXAMPLE.org'] });
  expect((await untilState(service, a, again, 'failed')).reason?.code).toBe('suppressed');
  const list = await service.ok<{ suppressions: { address: string }[] }>('GET', '/v1/tenants/acme/suppressions');
  expect(list.suppressions.map(({ address }) => address)).toEqual([JOANN]);
  expect((await service.call('GET', `/v1/tenants/acme/suppressions/${ANN}`)).status).toBe(200);
  await service.ok('DELETE', `/v1/tenants/acme/suppressions/${ANN}`);
  await service.ok('POST', `/v1/queues/${a}/emails/${again}/release`);
  await untilState(service, a, again, 'sent');

  // The neighbour has everything.
  expect(await service.email(a, joann)).toMatchObject({ state: 'sent', metadata: { mail: JOANN } });
  const { text } = await service.ok<{ text: string }>('GET', `/v1/queues/${a}/emails/${joann}/content`);
  expect(text).toContain(`For ${JOANN}`);
  expect(await service.email(a, theirs)).toMatchObject({ state: 'scheduled' });
});

test('an uncertain email that an archive may still get keeps its message until a person has resolved it', async () => {
  const endpoint = await startArchiveEndpoint();
  const queue = 'doubt/app';
  const silent = await startSmtpServer({ script: { dot: () => ({ action: 'close' }) } });
  await setUpQueue(service, queue, silent.port, { archiveTo: { url: endpoint.url }, onUncertain: 'hold' });
  endpoint.secret = (await service.ok<{ secret: string }>('GET', '/v1/tenants/doubt/signing-secret')).secret;
  const id = await post(queue, { to: [ANN, BOB] });
  await untilState(service, queue, id, 'uncertain');
  const erasure = await erase('doubt', { recipient: ANN });
  await eventually(async () => expect(await operation(erasure)).toMatchObject({ state: 'running', left: 1 }));
  await service.ok('POST', `/v1/queues/${queue}/emails/${id}/resolve`, { as: 'sent' });
  expect(await done(erasure)).toMatchObject({ left: 0, protocol: { recipients: 1 } });
  expect(endpoint.taken.map(({ metadata }) => metadata.to)).toEqual([[ANN, BOB]]);
  await endpoint.close();
  await silent.close();
}, 60_000);

test('what waits for an archive is told as left, and is handed over before the erasure is done', async () => {
  const endpoint = await startArchiveEndpoint();
  const queue = 'kept/app';
  await setUpQueue(service, queue, smtp.port, { archiveTo: { url: endpoint.url } });
  endpoint.secret = (await service.ok<{ secret: string }>('GET', '/v1/tenants/kept/signing-secret')).secret;
  endpoint.answer = () => 503;
  const ids = [
    await post(queue, { to: [ANN] }),
    await post(queue, { to: [BOB], cc: [ANN] }),
    await post(queue, { to: [BOB] }),
  ];
  for (const id of ids) await untilState(service, queue, id, 'sent');
  const would = await done(await erase('kept', { recipient: ANN, dryRun: true }));
  expect(would).toMatchObject({ left: 2, protocol: { emails: 1, recipients: 1 } });
  const erasure = await erase('kept', { recipient: ANN });
  await eventually(async () => expect(await operation(erasure)).toMatchObject({ state: 'running', left: 2 }));
  expect(await state(queue, ids[0] ?? '')).toBe('gone');
  endpoint.answer = () => 204;
  expect(await done(erasure)).toMatchObject({ left: 0, protocol: { emails: 1, recipients: 1 } });
  const handed = new Set(endpoint.taken.map(({ metadata }) => metadata.id));
  expect([...handed]).toEqual(expect.arrayContaining(ids.slice(0, 2)));
  expect(
    standsIn(
      ANN,
      (await everyKey(service.redis, redis)).filter(([name]) => name.includes('{kept')),
    ),
  ).toEqual([]);
  await endpoint.close();
}, 60_000);

test('what is being sent is waited for; a sender may not erase, nor an administrator of somebody else', async () => {
  const queue = 'slow/app';
  await setUpQueue(service, queue, smtp.port);
  holds = true;
  const id = await post(queue, { to: [ANN] });
  await untilState(service, queue, id, 'sending');
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'sender', tenant: 'slow' });
  const other = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const admin = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'slow' });
  for (const [wrong, status] of [
    [key, 403],
    [other.key, 404],
  ] as const)
    expect((await service.call('POST', '/v1/tenants/slow/erasure', { recipient: ANN }, { key: wrong })).status).toBe(
      status,
    );
  for (const recipient of ['ann', 'ann*', '*@example.org', 'Ann <ann@example.org>', ''])
    expect((await service.call('POST', '/v1/tenants/slow/erasure', { recipient })).status).toBe(422);
  const erasure = await erase('slow', { recipient: ANN }, admin.key);
  await eventually(async () => expect(await operation(erasure)).toMatchObject({ state: 'running', left: 1 }));
  expect(
    standsIn(
      ANN,
      (await everyKey(service.redis, redis)).filter(([name]) => name.includes('_erasures')),
    ),
  ).toEqual([]);
  held.resolve();
  expect(await done(erasure)).toMatchObject({ left: 0, protocol: { emails: 1 } });
  holds = false;
  expect(await state(queue, id)).toBe('gone');
});
