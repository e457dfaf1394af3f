// Four eyes: what a queue wants approved waits, whichever way it came, until somebody else lets it go; every way round is tried.
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { SmtpDialogue } from '../../support/smtp/smtp-dialogue';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { issueKey, QUEUED, startSubmission } from '../../support/smtp/submission';
import { eventually } from '../../support/wait';

interface Approvable extends EmailBody {
  approval?: { state: string; involved: { hand: string; by: string }[]; approvedBy?: string };
}

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let tenant: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  tenant = `t${count++}`;
  ({ queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port, { approval: {} }));
});
afterEach(() => smtp.close());

const issue = async (role: string, by?: string): Promise<{ id: string; key: string }> =>
  service.ok('POST', '/v1/keys', { role, tenant }, by === undefined ? {} : { key: by });
const post = async (key: string, changes = {}): Promise<EmailBody> =>
  service.ok('POST', emails, anEmail(changes), { key });
const release = (id: string, key: string) =>
  service.call<Approvable>('POST', `${emails}/${id}/release`, undefined, { key });
const email = (id: string) => service.email(queue, id) as Promise<Approvable>;
const waits = async (id: string): Promise<void> =>
  expect(await email(id)).toMatchObject({
    state: 'held',
    reason: { code: 'approval-needed' },
    approval: { state: 'needed' },
  });
const refused = { status: 403, body: { code: 'approval-needed' } };

test('an email waits until an administrator with another hand releases it, and the audit says who did', async () => {
  const [sender, author, other] = [await issue('sender'), await issue('admin'), await issue('admin')];
  const sent = await post(sender.key);
  expect(sent.state).toBe('held');
  await waits(sent.id);
  expect(await release(sent.id, sender.key)).toMatchObject(refused);
  const own = await post(author.key);
  expect(await release(own.id, author.key)).toMatchObject(refused);
  // A key that the author issued, one that this issued, and one that is left when the key between is revoked.
  const second = await issue('admin', author.key);
  const third = await issue('admin', second.key);
  for (const { key } of [second, third]) expect(await release(own.id, key)).toMatchObject(refused);
  // A key that an administrator issued is in his hand, too.
  const given = await post((await issue('sender', other.key)).key);
  expect(await release(given.id, other.key)).toMatchObject(refused);
  await service.ok('DELETE', `/v1/keys/${author.id}?issued=keep`, undefined, { key: other.key });
  for (const { key } of [second, third]) expect(await release(own.id, key)).toMatchObject(refused);
  expect(smtp.messages).toHaveLength(0);

  const released = await release(own.id, other.key);
  expect(released).toMatchObject({
    status: 200,
    body: { approval: { state: 'approved', approvedBy: `admin ${other.id}` } },
  });
  await untilState(service, queue, own.id, 'sent');
  const { entries } = await service.ok<{ entries: Record<string, unknown>[] }>('GET', '/v1/audit');
  expect(entries).toContainEqual(
    expect.objectContaining({ what: 'email approved', target: own.id, by: `admin ${other.id}` }),
  );
  await waits(sent.id);
});

test('the settings say which emails; what waits keeps waiting, and an administrator cannot take them back', async () => {
  const [author, other] = [await issue('admin'), await issue('admin')];
  const path = `/v1/queues/${queue}`;
  const held = await post(author.key);
  const forbidden = { status: 403, body: { code: 'forbidden' } };
  expect(await service.call('PATCH', path, { approval: null }, { key: author.key })).toMatchObject(forbidden);
  expect(await service.call('DELETE', path, undefined, { key: author.key })).toMatchObject(forbidden);
  await service.ok('PUT', path, { from: 'Sender <sender@a.example>' }, { key: author.key });
  expect(await service.ok('GET', path)).toMatchObject({ approval: {} });
  await service.ok('PUT', `/v1/tenants/${tenant}/templates/campaign`, { subject: 'News', text: 'One' });
  await service.ok('PATCH', path, { approval: { templates: ['campaign'], recipientsAbove: 1 } });

  await untilState(service, queue, (await post(author.key)).id, 'sent');
  const many = await post(author.key, { to: ['ann@example.org', 'bob@example.org'] });
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    { to: ['ann@example.org'], template: 'campaign' },
    { key: author.key },
  );
  for (const one of [held.id, many.id, id]) await waits(one);
  // What was seen is what is sent.
  await service.ok('PUT', `/v1/tenants/${tenant}/templates/campaign`, { subject: 'News', text: 'Two' });
  expect(await release(id, other.key)).toMatchObject({ status: 200 });
  await untilState(service, queue, id, 'sent');
  expect((await smtp.messages.at(-1)?.parsed())?.text).toContain('One');
  // Corrected into one that the setting does not name: it still needs what it needed.
  await service.ok('PATCH', `${emails}/${many.id}`, { to: ['ann@example.org'] }, { key: author.key });
  await waits(many.id);
  const found = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?code=approval-needed`);
  expect(found.emails.map((one) => one.id).sort()).toEqual([held.id, many.id].sort());
});

test('a correction, a resend, and whatever lets many go at once need approval anew', async () => {
  const [author, other, third] = [await issue('admin'), await issue('admin'), await issue('admin')];
  const later = await post(author.key, { sendAt: '2030-01-01T00:00:00Z' });
  expect(await release(later.id, other.key)).toMatchObject({ status: 200, body: { state: 'scheduled' } });
  const sendNow = (id: string, key: string) => service.call('POST', `${emails}/${id}/send-now`, undefined, { key });
  expect(await sendNow(later.id, other.key)).toMatchObject(refused);
  await service.ok('PATCH', `${emails}/${later.id}`, { subject: 'Changed', sendAt: null }, { key: other.key });
  await waits(later.id);
  for (const { key } of [author, other]) expect(await release(later.id, key)).toMatchObject(refused);
  expect(await sendNow(later.id, other.key)).toMatchObject(refused);
  const board = `/board/api/queues/${tenant}.app/${later.id}`;
  for (const button of ['retry', 'promote']) {
    const authorization = `Basic ${Buffer.from(`x:${other.key}`).toString('base64')}`;
    const answer = await fetch(`${service.url}${board}/${button}`, { method: 'PUT', headers: { authorization } });
    expect(answer.status).toBe(403);
  }
  const bulk = async (body: object, key: string) => {
    const begun = await service.ok<EmailBody>('POST', `${emails}/bulk`, body, { key });
    return eventually(async () => {
      const operation = await service.ok<EmailBody>('GET', `/v1/operations/${begun.id}`);
      expect(operation.state).toBe('done');
      return operation;
    });
  };
  const all = { filter: { state: 'held' }, action: 'release' };
  const counted = { matched: 1, done: 0, failed: 1, errors: [{ id: later.id, code: 'approval-needed' }] };
  expect(await bulk(all, other.key)).toMatchObject(counted);
  for (const change of [{ patch: { attempts: 2 } }, { replace: { recipientDomain: { 'example.org': 'x.example' } } }])
    expect(await bulk({ ...all, ...change }, third.key)).toMatchObject(counted);
  await waits(later.id);
  expect(await bulk(all, third.key)).toMatchObject({ matched: 1, done: 1, failed: 0 });
  await untilState(service, queue, later.id, 'sent');

  const again = await service.ok<EmailBody>('POST', `${emails}/${later.id}/resend`, {}, { key: third.key });
  await waits(again.id);
  expect(await release(again.id, third.key)).toMatchObject(refused);
  const [many] = [await bulk({ filter: { state: 'sent' }, action: 'resend' }, third.key)];
  expect(many).toMatchObject({ done: 1 });
  const held = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?state=held`);
  expect(held.emails).toHaveLength(2);
  for (const one of held.emails) expect(await release(one.id, third.key)).toMatchObject(refused);
  expect(smtp.messages).toHaveLength(1);
});

test('batches and streams wait, too; what another BullMQ client puts into line comes back, and time goes on', async () => {
  const { key } = await issue('sender');
  const { results } = await service.ok<{ results: EmailBody[] }>(
    'POST',
    `${emails}/batch`,
    { emails: [anEmail(), anEmail()] },
    { key },
  );
  const headers = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${key}` };
  const body = `${JSON.stringify(anEmail())}\n`;
  const lines = await fetch(service.url + emails, { method: 'POST', headers, body });
  const streamed = (await lines.json()) as EmailBody;
  for (const { id, state } of [...results, streamed]) {
    expect(state).toBe('held');
    await waits(id);
  }
  const door = await startSubmission(service);
  const client = await SmtpDialogue.open(door.port);
  await client.begin(await issueKey(service, { tenant }), ['ann@example.org']);
  const reply = await client.data('From: a@x.example\r\nTo: ann@example.org\r\n\r\nHello\r\n.\r\n');
  client.cut();
  await waits(QUEUED.exec(reply)?.[1] ?? reply);
  expect(await door.end('SIGTERM')).toBe(0);
  const redis = await service.redis.connect();
  const bull = `rohrpost:{${tenant}.app}:${tenant}.app:`;
  await redis.zrem(`${bull}failed`, streamed.id);
  await redis.lpush(`${bull}wait`, streamed.id);
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(() => waits(streamed.id));
  redis.disconnect();
  const short = await post(key, { expiresAfter: '1s' });
  expect(short.state).toBe('held');
  await untilState(service, queue, short.id, 'expired');
  expect(await release(short.id, key)).toMatchObject(refused);
  expect(smtp.messages).toHaveLength(0);
});

test('at the console who may approve is shown how, and who may not is told so', async () => {
  const [author, other] = [await issue('admin'), await issue('admin')];
  const { id } = await post(author.key);
  const page = `${service.url}/queues/${queue}/emails/${id}`;
  const signIn = async (key: string): Promise<string> => {
    const body = new URLSearchParams({ key });
    const answer = await fetch(`${service.url}/session`, { method: 'POST', body, redirect: 'manual' });
    return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  };
  const look = async (cookie: string): Promise<string> => (await fetch(page, { headers: { cookie } })).text();
  const refusedPage = await look(await signIn(author.key));
  expect(refusedPage).toContain('You cannot approve it');
  expect(refusedPage).not.toMatch(/>\s*Approve\s*</);
  const cookie = await signIn(other.key);
  const shown = await look(cookie);
  expect(shown).toMatch(/>\s*Approve\s*</);
  expect(shown).toContain('You may approve it');
  // What was seen is what is approved.
  const seen = (await service.call('GET', `${emails}/${id}`)).headers.get('etag') ?? '';
  await service.ok('PATCH', `${emails}/${id}`, { subject: 'Something else' }, { key: author.key });
  const approve = async (etag: string) => {
    const body = new URLSearchParams({ do: 'release', etag });
    await fetch(page, { method: 'POST', body, headers: { cookie }, redirect: 'manual' });
  };
  await approve(seen);
  await waits(id);
  await approve((await service.call('GET', `${emails}/${id}`)).headers.get('etag') ?? '');
  await untilState(service, queue, id, 'sent');
});
