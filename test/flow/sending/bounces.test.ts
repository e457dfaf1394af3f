// What comes back of an email: bounces and complaints find it by the tag of its return path, and forged ones harm nobody.
import type { Redis } from 'ioredis';
import { freePort } from '../../../dev/ports';
import { createSecretBox } from '../../../libs/store/redis/secret-box';
import { createWorkers } from '../../../libs/store/registries/workers';
import { createTagKeys, createTagMaker } from '../../../libs/store/reports/tag-keys';
import { untilState } from '../../support/emails';
import { readEvents } from '../../support/http/event-reader';
import {
  anEmail,
  OPERATOR_KEY,
  SECRET_KEYS,
  setUpQueue,
  startService,
  type EmailBody,
  type Service,
} from '../../support/service';
import { complaint, deliveryStatus, outOfOffice, type ReportOptions } from '../../support/smtp/reports';
import { SmtpDialogue } from '../../support/smtp/smtp-dialogue';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startSubmission, type Submission } from '../../support/smtp/submission';
import { eventually } from '../../support/wait';

const QUEUE = 'acme/app';
const DAY_MS = 86_400_000;

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let door: Submission;
let port: number;

beforeAll(async () => {
  service = await startService();
  redis = await service.redis.connect();
  smtp = await startSmtpServer({ extensions: ['PIPELINING', '8BITMIME', 'SIZE 52428800', 'DSN'] });
  await setUpQueue(service, QUEUE, smtp.port);
  await setUpQueue(service, 'other/app', smtp.port);
  await service.ok('PATCH', '/v1/tenants/acme/transports/default', {
    returnPath: { address: 'bounce+{tag}@acme.example' },
  });
  port = await freePort();
  door = await startSubmission(service, { ROHRPOST_SMTP_PORT: '0', ROHRPOST_BOUNCE_PORT: String(port) });
});
afterAll(async () => {
  redis.disconnect();
  expect(await door.end('SIGTERM')).toBe(0);
  await service.close();
  await smtp.close();
});
beforeEach(() => void smtp.messages.splice(0));

interface Sent {
  id: string;
  returnPath: string;
}

const send = async (changes: Record<string, unknown> = {}, queue = QUEUE): Promise<Sent> => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${queue}/emails`, anEmail(changes));
  await untilState(service, queue, id, 'sent');
  return { id, returnPath: smtp.messages.at(-1)?.from ?? '' };
};

/** Brings a report to the bounce port. @returns the reply to RCPT where it refuses, else that to the end of the message */
const giveIn = async (to: string, message: string, from = ''): Promise<string> => {
  const client = await SmtpDialogue.open(port);
  await client.say('EHLO mx.example.org');
  await client.say(`MAIL FROM:<${from}>`);
  const rcpt = await client.say(`RCPT TO:<${to}>`);
  const reply = rcpt.startsWith('2') ? await client.data(`${message}\r\n.\r\n`) : rcpt;
  client.cut();
  return reply;
};
const bounce = ({ returnPath }: Sent, options: Partial<ReportOptions> = {}): Promise<string> =>
  giveIn(returnPath, deliveryStatus({ to: returnPath, recipient: 'ann@example.org', ...options }));
const suppressed = async (address: string): Promise<Record<string, unknown> | undefined> => {
  const { status, body } = await service.call('GET', `/v1/tenants/acme/suppressions/${address}`);
  return status === 200 ? body : undefined;
};
const recipientsOf = async ({ id }: Sent): Promise<unknown> => {
  const { state, recipients } = await service.email(QUEUE, id);
  expect(state).toBe('sent');
  return recipients;
};
const post = (message: string, tenant = 'acme', type = 'message/rfc822') =>
  service.call('POST', `/v1/tenants/${tenant}/bounces`, undefined, { raw: message, headers: { 'content-type': type } });

test('a hard bounce is shown at once, told, found, and its address suppressed; the server was asked for it', async () => {
  const events = await readEvents(service.url, OPERATOR_KEY, { query: '?types=email.bounced' });
  const email = await send({ to: ['Ann.Lee@example.org'] });
  expect(email.returnPath).toMatch(/^bounce\+[0-9a-v]{51}@acme\.example$/);
  expect(smtp.commands.filter((line) => /^(MAIL|RCPT)/.test(line)).slice(-2)).toEqual([
    expect.stringMatching(/^MAIL FROM:<bounce\+\w+@acme\.example> .*RET=HDRS ENVID=m_[0-9a-v]{26}$/),
    'RCPT TO:<Ann.Lee@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Ann.Lee@example.org',
  ]);
  expect(await bounce(email, { recipient: 'ann.lee@EXAMPLE.org' })).toBe('250 2.0.0 taken');
  const reported = {
    recipient: 'Ann.Lee@example.org',
    status: '5.1.1',
    diagnostic: '550 5.1.1 no such user here',
    at: expect.any(String) as string,
  };
  expect(await recipientsOf(email)).toEqual({ accepted: ['ann.lee@example.org'], refused: [], bounced: [reported] });
  expect(await suppressed('ann.lee@example.org')).toMatchObject({
    source: 'bounce',
    reason: 'bounced: 550 5.1.1 no such user here',
  });
  const found = await service.ok<{ emails: EmailBody[] }>('GET', `/v1/queues/${QUEUE}/emails?reported=bounced`);
  expect(found.emails.map(({ id }) => id)).toEqual([email.id]);
  // The same once more is told nobody.
  await bounce(email, { recipient: 'Ann.Lee@example.org' });
  const [event, ...more] = await events.hears(1);
  expect(more).toEqual([]);
  expect(event?.body.data).toMatchObject({ id: email.id, state: 'sent', reply: '5.1.1', bounced: [reported] });
  events.close();
});

test('a soft bounce, a delay, a delivery and an answer from somebody who is away suppress nobody', async () => {
  const email = await send({ to: ['soft@example.org'] });
  const about = { recipient: 'soft@example.org' };
  await bounce(email, { ...about, action: 'delayed', status: '4.4.1', diagnostic: 'smtp; 451 4.4.1 no answer' });
  await bounce(email, { ...about, status: '5.2.2', diagnostic: 'smtp; 552 5.2.2 mailbox full' });
  await bounce(email, { ...about, action: 'relayed', status: '2.1.9', diagnostic: 'smtp; 250 ok' });
  expect(await giveIn(email.returnPath, outOfOffice(email.returnPath), 'soft@example.org')).toBe('250 2.0.0 taken');
  expect(await recipientsOf(email)).toMatchObject({
    bounced: [{ status: '5.2.2' }],
    delayed: [{ status: '4.4.1' }],
    delivered: [{ status: '2.1.9' }],
  });
  expect(await suppressed('soft@example.org')).toBeUndefined();
  expect((await post(outOfOffice(email.returnPath))).body).toEqual({
    report: 'auto-reply',
    recipients: [],
    suppressed: [],
  });
});

test('one of several recipients cannot have another one suppressed, nor can a server that saw the envelope', async () => {
  const to = ['one@example.org', 'two@example.org'];
  const email = await send({ to });
  const envelopeId =
    /ENVID=(\S+)/.exec(smtp.commands.filter((line) => line.startsWith('MAIL')).at(-1) ?? '')?.[1] ?? '';
  await bounce(email, { recipient: 'two@example.org' });
  await bounce(email, { recipient: 'two@example.org', envelopeId: email.returnPath });
  expect(await recipientsOf(email)).toMatchObject({ bounced: [{ recipient: 'two@example.org' }] });
  expect(await suppressed('two@example.org')).toBeUndefined();
  await bounce(email, { recipient: 'stranger@example.org', envelopeId });
  expect(await suppressed('stranger@example.org')).toBeUndefined();
  await bounce(email, { recipient: 'two@example.org', envelopeId });
  expect(await suppressed('two@example.org')).toBeUndefined();
  expect(await suppressed('one@example.org')).toBeUndefined();
});

test('an address that forwards is not dead because one behind it is', async () => {
  const email = await send({ to: ['sales@example.org'] });
  await bounce(email, { original: 'sales@example.org', recipient: 'carl@gone.example' });
  expect(await recipientsOf(email)).toMatchObject({ bounced: [{ recipient: 'sales@example.org' }] });
  expect(await suppressed('sales@example.org')).toBeUndefined();
  const own = { original: 'sales@example.org', recipient: 'SALES@example.org', diagnostic: 'smtp; 550 5.1.1 unknown' };
  await bounce(email, own);
  expect(await suppressed('sales@example.org')).toMatchObject({ source: 'bounce' });
  // Whoever was taken off the list stays off it when the same comes again.
  await service.call('DELETE', '/v1/tenants/acme/suppressions/sales@example.org');
  await bounce(email, own);
  expect(await suppressed('sales@example.org')).toBeUndefined();
});

test('who is left of several recipients is not blamed for one who was erased', async () => {
  const email = await send({ to: ['left@example.org', 'erased@example.org'] });
  const { id } = await service.ok<{ id: string }>('POST', '/v1/tenants/acme/erasure', {
    recipient: 'erased@example.org',
  });
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/operations/${id}`)).toMatchObject({ state: 'done' }),
  );
  await bounce(email, { recipient: 'erased@example.org' });
  expect((await post(complaint(email.returnPath))).status).toBe(200);
  expect(JSON.stringify(await service.email(QUEUE, email.id))).not.toMatch(/bounced|complained|erased@/);
  expect(await suppressed('left@example.org')).toBeUndefined();
});

test('what is not the return path of an email of the last 14 days is refused, and nothing is relayed', async () => {
  const email = await send({ to: ['safe@example.org'] });
  const [, local = '', domain = ''] = /^(.*)@(.*)$/.exec(email.returnPath) ?? [];
  const forged = `${local.slice(0, -1)}${local.endsWith('0') ? '1' : '0'}@${domain}`;
  const makeTag = createTagMaker({ redis, secrets: createSecretBox(SECRET_KEYS) });
  const at = async (days: number) =>
    `bounce+${(await makeTag('acme.app', email.id, Date.now() - days * DAY_MS)) ?? ''}@acme.example`;
  const elsewhere = createTagMaker({ redis, secrets: createSecretBox([{ id: 'k1', key: Buffer.alloc(32, 8) }]) });
  const ofOthers = `bounce+${(await elsewhere('acme.app', email.id, Date.now())) ?? ''}@acme.example`;
  const report = (to: string) => deliveryStatus({ to, recipient: 'safe@example.org' });
  for (const to of [
    forged,
    ofOthers,
    'postmaster@acme.example',
    'ann@example.org',
    'bounce+@acme.example',
    `${'0'.repeat(51)}@acme.example`,
  ])
    expect(await giveIn(to, report(to))).toMatch(/^550 5\.1\.1 there is no such address here/);
  expect(await giveIn(await at(15), report(''))).toMatch(/^550 5\.1\.1 .*14 days/);
  for (const to of [forged, await at(15), 'nobody@acme.example'])
    expect(await post(report(to))).toMatchObject({ status: 422, body: { code: 'report-unknown' } });
  expect(await post(report(email.returnPath), 'other')).toMatchObject({
    status: 422,
    body: { code: 'report-unknown' },
  });
  expect(await suppressed('safe@example.org')).toBeUndefined();
  expect((await service.email(QUEUE, email.id))['recipients']).toBeUndefined();
  // A key that another worker brings holds within a second.
  const next = createSecretBox([{ id: 'k2', key: Buffer.alloc(32, 9) }]);
  await createTagKeys({ redis, secrets: next, workers: createWorkers(redis) }).publish();
  const ofNext = (await createTagMaker({ redis, secrets: next })('acme.app', email.id, Date.now())) ?? '';
  const later = deliveryStatus({ to: '', recipient: 'safe@example.org', action: 'delayed', status: '4.4.1' });
  await eventually(async () => expect(await giveIn(`bounce+${ofNext}@acme.example`, later)).toBe('250 2.0.0 taken'));
  expect(await giveIn(await at(13), report(email.returnPath))).toBe('250 2.0.0 taken');
  const client = await SmtpDialogue.open(port);
  expect(await client.say('EHLO x')).not.toMatch(/AUTH/);
  expect(await client.login('x', 'y')).toMatch(/^500 5/);
  await client.say('MAIL FROM:<>');
  for (let guess = 1; guess < 20; guess++) expect(await client.say(`RCPT TO:<${guess}@acme.example>`)).toMatch(/^550/);
  expect(await client.say('RCPT TO:<last@acme.example>')).toMatch(/^421 4\.7\.0/);
  expect(await client.reply()).toBe('closed');
});

test('a complaint that is posted is found by the message that came back, and suppresses its only recipient', async () => {
  const email = await send({ to: ['angry@example.org'] });
  expect(await post(complaint(email.returnPath), 'acme', 'text/plain')).toMatchObject({ status: 415 });
  expect((await post(complaint(email.returnPath, 'not-spam'))).body).toMatchObject({ report: 'other' });
  expect((await post(complaint(email.returnPath))).body).toEqual({
    report: 'complaint',
    email: { id: email.id, tenant: 'acme', application: 'app' },
    recipients: [{ recipient: 'angry@example.org', kind: 'complained' }],
    suppressed: ['angry@example.org'],
  });
  expect(await suppressed('angry@example.org')).toMatchObject({ source: 'complaint' });
  expect(await recipientsOf(email)).toMatchObject({ complained: [{ diagnostic: 'abuse' }] });
});

test('a large report and hostile bytes are taken; a transport without a return path sends as before', async () => {
  const email = await send({ to: ['large@example.org'] });
  const whole = deliveryStatus({ to: email.returnPath, recipient: 'large@example.org' });
  const long = whole.replace('--b--', `${'x'.repeat(70)}\r\n`.repeat(40_000));
  expect(await giveIn(email.returnPath, long)).toBe('250 2.0.0 taken');
  expect(await suppressed('large@example.org')).toMatchObject({ source: 'bounce' });
  expect(await giveIn(email.returnPath, `\0\xff: ${'--\r\n'.repeat(5_000)}`)).toBe('250 2.0.0 taken');
  const before = smtp.commands.length;
  expect((await send({}, 'other/app')).returnPath).toBe('sender@other.example');
  expect(smtp.commands.slice(before).join()).not.toMatch(/ENVID|NOTIFY|ORCPT/);
});

test('a return path has its tag before the @, apart from letters, and room for it', async () => {
  for (const address of [
    'bounce@acme.example',
    'b{tag}@acme.example',
    'a{tag}@{tag}',
    '{tag}',
    'very-long-name-of-ours+{tag}@acme.example',
  ])
    expect(
      await service.call('PATCH', '/v1/tenants/acme/transports/default', { returnPath: { address } }),
    ).toMatchObject({ status: 422, body: { code: 'invalid' } });
});
