// Data that earlier versions left is read, sent and administered by this one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { untilState } from '../support/emails';
import { startService, type Answer, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';

const FOLDER = join(__dirname, '../fixtures/format-1');
const { keys, ids } = JSON.parse(readFileSync(join(FOLDER, 'ids.json'), 'utf8')) as {
  keys: { sender: string; admin: string };
  ids: Record<string, string>;
};
const idOf = (name: string): string => {
  const id = ids[name];
  if (id === undefined) throw new Error(`the fixture has no email ${name}`);
  return id;
};
const BILLING = '/v1/queues/acme/billing/emails';

const TRANSPORT = '/v1/tenants/acme/transports/default';

let service: Service;
let smtp: SmtpServer;
/** What an administrator got who changed a transport of then: its limits, its port. */
let patched: Answer[];

beforeAll(async () => {
  smtp = await startSmtpServer();
  // Redis' journal begins while the service runs: what is taken meanwhile is first seen where it ends.
  const otherChanges = [['queued', 'taken before the journal began', 'sent']] as const;
  service = await startService({ data: FOLDER, workers: 0, otherChanges });
  const patch = (body: object) => service.call('PATCH', TRANSPORT, body, { key: keys.admin });
  patched = [await patch({ limits: { connections: 5 } }), await patch({ port: 1 })];
  await service.ok('PUT', TRANSPORT, {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
  });
  await service.addWorker();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const read = (name: string) => service.ok<EmailBody>('GET', `${BILLING}/${idOf(name)}`);

test('a transport of then keeps its private host, until an administrator moves it', () => {
  expect(patched).toMatchObject([
    { status: 200, body: { host: '127.0.0.1', hostBy: 'operator' } },
    { status: 422, body: { code: 'host-not-allowed' } },
  ]);
});

test('every email is in the state in which it was left', async () => {
  const states = {
    sent: 'sent',
    failed: 'failed',
    partlySent: 'failed',
    deferred: 'deferred',
    scheduled: 'scheduled',
    held: 'held',
    canceled: 'canceled',
    uncertain: 'uncertain',
  };
  for (const [name, state] of Object.entries(states)) expect([name, (await read(name)).state]).toEqual([name, state]);
  expect((await service.email('acme/paused', idOf('expired'))).state).toBe('expired');
});

test('lists, counts and the words of servers are there', async () => {
  const { emails } = await service.ok<{ emails: EmailBody[] }>('GET', `${BILLING}?limit=200`);
  expect(emails).toHaveLength(8);
  const queue = await service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/billing');
  expect(queue.counts).toMatchObject({
    sent: 1,
    failed: 2,
    deferred: 1,
    scheduled: 1,
    held: 1,
    canceled: 1,
    uncertain: 1,
  });
  const failed = await read('failed');
  expect(failed.reason?.text).toContain('550 5.1.1 no such user');
  expect(failed.attempts[0]?.replies[0]).toMatchObject({ code: 550, recipient: 'refused@example.org' });
  const found = await service.ok<{ emails: EmailBody[] }>('GET', `${BILLING}?recipient=refused@example.org`);
  expect(found.emails.map(({ id }) => id).sort()).toEqual([idOf('failed'), idOf('partlySent')].sort());
});

test('keys that were issued still open what they opened', async () => {
  expect((await service.call('GET', BILLING, undefined, { key: keys.sender })).status).toBe(200);
  expect((await service.call('PUT', '/v1/queues/acme/billing', {}, { key: keys.sender })).status).toBe(403);
  expect((await service.call('GET', '/v1/tenants/acme', undefined, { key: keys.admin })).status).toBe(200);
});

test('settings, secrets and templates are there', async () => {
  const sealed = await service.ok<Record<string, unknown>>('GET', '/v1/tenants/acme/transports/sealed');
  expect(sealed).toMatchObject({ auth: { user: 'billing', pass: { set: true } }, limits: { connections: 3 } });
  expect(await service.ok('GET', '/v1/tenants/acme')).toMatchObject({ maxWaiting: 1_000 });
  const invoice = await service.ok<{ version: number }>('GET', '/v1/tenants/acme/templates/invoice');
  expect(invoice.version).toBe(1);
});

test('what was sent is shown, downloaded and sent again', async () => {
  const before = smtp.messages.length;
  expect((await service.ok<{ subject: string }>('GET', `${BILLING}/${idOf('sent')}/content`)).subject).toBe('Hello');
  await service.ok('POST', `${BILLING}/${idOf('sent')}/resend`, { mode: 'as-sent' });
  await smtp.waitForMessages(before + 1);
});

test('what failed is corrected and sent; who has it already does not get it twice', async () => {
  await service.ok('PATCH', `${BILLING}/${idOf('failed')}`, { to: ['ann@example.org'] });
  await service.ok('POST', `${BILLING}/${idOf('failed')}/release`);
  expect((await untilState(service, 'acme/billing', idOf('failed'), 'sent')).changes.length).toBeGreaterThan(1);
  await service.ok('POST', `${BILLING}/${idOf('partlySent')}/release`);
  await untilState(service, 'acme/billing', idOf('partlySent'), 'sent');
  expect(smtp.messages.at(-1)?.to).toEqual(['refused@example.org']);
  await service.ok('POST', `${BILLING}/${idOf('uncertain')}/resolve`, { as: 'sent' });
  expect((await service.call('POST', `${BILLING}/${idOf('canceled')}/release`)).status).toBe(409);
  await service.ok('POST', `${BILLING}/${idOf('deferred')}/send-now`);
  await untilState(service, 'acme/billing', idOf('deferred'), 'sent');
});

test('what waited in a paused queue goes out, each shape of it', async () => {
  await service.ok('POST', '/v1/queues/acme/paused/resume');
  const waiting = Object.keys(ids).filter((name) => name.startsWith('queued'));
  for (const name of waiting) await untilState(service, 'acme/paused', idOf(name), 'sent');
  const received = await Promise.all(smtp.messages.slice(-waiting.length).map((message) => message.parsed()));
  expect(received.map(({ subject }) => subject)).toEqual(expect.arrayContaining(['Invoice 2026-114', 'Raw', 'Hello']));
  expect(received.find(({ attachments }) => attachments.length > 0)?.attachments[0]?.content.toString()).toBe(
    '%PDF-1.4 fixture',
  );
});

test('an email is erased, a queue deleted', async () => {
  expect((await service.call('DELETE', `${BILLING}/${idOf('scheduled')}`)).status).toBe(204);
  expect((await service.call('GET', `${BILLING}/${idOf('scheduled')}`)).status).toBe(404);
  expect((await service.call('DELETE', '/v1/queues/acme/billing')).status).toBe(204);
});
