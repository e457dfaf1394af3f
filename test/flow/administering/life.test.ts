// The whole life of an email: held, corrected, released, canceled, resolved, sent again, erased; and why it was not sent.
import { untilState } from '../../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let queue: string;
let emails: string;
let count = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});
afterEach(() => smtp.close());

const post = (body: Record<string, unknown>) => service.ok<EmailBody>('POST', emails, body);
const act = (id: string, action: string, body?: unknown) =>
  service.call<EmailBody>('POST', `${emails}/${id}/${action}`, body);
const patch = (id: string, body: unknown, headers: Record<string, string> = {}) =>
  service.call<EmailBody>('PATCH', `${emails}/${id}`, body, { headers });
const ended = (id: string, state: string) => untilState(service, queue, id, state);
const pause = () => service.ok('POST', `/v1/queues/${queue}/pause`);
const resume = () => service.ok('POST', `/v1/queues/${queue}/resume`);

test('a typo in an address: failed, corrected, released, sent, and all of it remembered', async () => {
  smtp.setScript({ rcpt: ({ recipient }) => (recipient?.startsWith('amn@') ? '550 5.1.1 no such user' : undefined) });
  const { id } = await post(anEmail({ to: ['amn@example.org'], attempts: 3 }));
  await ended(id, 'failed');
  const corrected = await patch(id, { to: ['ann@example.org'] });
  expect(corrected).toMatchObject({ status: 200, body: { state: 'failed', to: ['ann@example.org'] } });
  expect((await act(id, 'release')).body.attemptsMade).toBe(0);
  const email = await ended(id, 'sent');
  expect(email.attempts.map(({ outcome }) => outcome)).toEqual(['refused', 'sent']);
  expect(email.changes.map(({ what, by }) => [what, by])).toEqual([
    ['corrected', 'operator'],
    ['released', 'operator'],
  ]);
  expect(email.changes[0]?.fields).toEqual({
    to: { before: [{ address: 'amn@example.org' }], after: [{ address: 'ann@example.org' }] },
  });
  expect(smtp.messages.map(({ to }) => to)).toEqual([['ann@example.org']]);
  // Whoever looks for the address that was wrong finds what became of it.
  const { emails: found } = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?recipient=amn@example.org`);
  expect(found).toMatchObject([{ id, recipients: { accepted: ['ann@example.org'], refused: [] } }]);
  const audit = await service.ok<{ entries: { what: string; target?: string }[] }>('GET', '/v1/audit?tenant=acme');
  expect(audit.entries.filter(({ target }) => target === id).map(({ what }) => what)).toEqual([
    'email released',
    'email corrected',
  ]);
});

test('a scheduled email: held, corrected, released, sent once at its time', async () => {
  const sendAt = Date.now() + 1_500;
  const { id } = await post(anEmail({ sendAt: new Date(sendAt).toISOString() }));
  expect((await act(id, 'hold')).body).toMatchObject({ state: 'held', reason: { code: 'held', text: 'by operator' } });
  expect((await act(id, 'hold')).status).toBe(409);
  await patch(id, { subject: 'Corrected', tags: ['x'] });
  expect((await act(id, 'release')).body.state).toBe('scheduled');
  const [received] = await smtp.waitForMessages(1);
  expect((await received?.parsed())?.subject).toBe('Corrected');
  expect(received?.at).toBeGreaterThanOrEqual(sendAt);
  await ended(id, 'sent');
  expect(smtp.messages).toHaveLength(1);
});

test('cancel: while it waits, while its queue is paused, while it is being sent, and after', async () => {
  const waiting = await post(anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  expect((await act(waiting.id, 'cancel')).body.state).toBe('canceled');
  await pause();
  const paused = await post(anEmail());
  expect((await act(paused.id, 'cancel')).body.state).toBe('canceled');
  expect((await act(paused.id, 'release')).status).toBe(409);
  await resume();

  let let_go: () => void = () => undefined;
  const stopped = new Promise<string>((resolve) => (let_go = () => resolve('250 ok')));
  const arrived = new Promise<void>((resolve) => smtp.setScript({ dot: () => (resolve(), stopped) }));
  const sending = await post(anEmail());
  await arrived;
  for (const action of ['cancel', 'hold', 'send-now']) {
    expect(await act(sending.id, action)).toMatchObject({ status: 409, body: { code: 'email-sending' } });
  }
  expect(await patch(sending.id, { subject: 'Too late' })).toMatchObject({
    status: 409,
    body: { code: 'email-sending' },
  });
  expect(await service.call('DELETE', `${emails}/${sending.id}`)).toMatchObject({
    status: 409,
    body: { code: 'email-sending' },
  });
  let_go();
  await ended(sending.id, 'sent');
  expect(await act(sending.id, 'cancel')).toMatchObject({ status: 409, body: { code: 'email-finished' } });
  expect(await patch(sending.id, { subject: 'Too late' })).toMatchObject({
    status: 409,
    body: { code: 'email-finished' },
  });
  expect(smtp.messages).toHaveLength(1);
});

test('two people who correct at once: the second is told', async () => {
  const { id } = await post(anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  const etag = (await service.call('GET', `${emails}/${id}`)).headers.get('etag') ?? '';
  const answers = await Promise.all([
    patch(id, { subject: 'One' }, { 'if-match': etag }),
    patch(id, { subject: 'Two' }, { 'if-match': etag }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  const won = answers.find(({ status }) => status === 200)?.body['subject'];
  expect((await service.email(queue, id))['subject']).toBe(won);
  await Promise.all([patch(id, { tags: ['a'] }), patch(id, { metadata: { b: 1 } }), patch(id, { priority: 'high' })]);
  expect(await service.email(queue, id)).toMatchObject({
    tags: ['a'],
    metadata: { b: 1 },
    settings: { priority: 'high' },
  });
});

test('everything can be corrected, and is as valid as in a new email', async () => {
  await service.ok('PUT', '/v1/tenants/acme/templates/letter', {
    subject: 'Letter <%= it.n %>',
    html: '<p><%= it.n %></p>',
  });
  await service.ok('PUT', '/v1/tenants/acme/transports/second', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
  });
  const { id, expiresAt } = await post(anEmail({ sendAt: '2030-01-01T00:00:00Z', text: 'x'.repeat(20_000) }));
  for (const [body, path] of [
    [{ to: ['nobody'] }, '/to/0'],
    [{ colour: 1 }, '/colour'],
    [{ template: 'none' }, '/template'],
    [{ text: null }, ''],
  ] as const) {
    const answer = await patch(id, body);
    expect(answer.status).toBe(422);
    expect((answer.body['errors'] as { path: string }[])[0]?.path).toBe(path);
  }
  const moved = await patch(id, { sendAt: '2031-01-01T00:00:00Z' });
  expect(Date.parse(moved.body.expiresAt) - Date.parse('2031-01-01T00:00:00Z')).toBe(
    Date.parse(expiresAt) - Date.parse('2030-01-01T00:00:00Z'),
  );
  const changed = await patch(id, {
    template: { name: 'letter' },
    data: { n: 7 },
    cc: ['carl@example.org'],
    attempts: 2,
    history: { keep: false },
    transport: 'second',
    attachments: [{ filename: 'a.txt', content: 'YQ==' }],
    expiresAfter: '1h',
  });
  expect(changed).toMatchObject({
    status: 200,
    body: { template: { name: 'letter' }, settings: { attempts: 2, history: { keep: false }, transport: 'second' } },
  });
  expect(changed.body['text']).toBeUndefined();
  expect((await act(id, 'send-now')).status).toBe(200);
  const mail = await (await smtp.waitForMessages(1))[0]?.parsed();
  expect(mail).toMatchObject({ subject: 'Letter 7', html: '<p>7</p>' });
  expect(mail?.attachments.map(({ filename }) => filename)).toEqual(['a.txt']);
  await eventually(async () => expect((await service.call('GET', `${emails}/${id}`)).status).toBe(404));
});

test('send now: a scheduled and a deferred one', async () => {
  const later = await post(anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  expect((await act(later.id, 'send-now')).status).toBe(200);
  await ended(later.id, 'sent');
  smtp.setScript({ rcpt: () => '451 4.3.0 later' });
  const deferred = await post(anEmail());
  await ended(deferred.id, 'deferred');
  smtp.setScript({});
  await act(deferred.id, 'send-now');
  expect((await ended(deferred.id, 'sent')).attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'sent']);
});

test('sent again from the history: a new email, linked both ways, to others if wanted', async () => {
  const first = await post(
    anEmail({ html: `<p>${'y'.repeat(20_000)}</p>`, attachments: [{ filename: 'a.txt', content: 'YQ==' }] }),
  );
  expect((await act(first.id, 'resend', { mode: 'render' })).status).toBe(409);
  await ended(first.id, 'sent');
  const again = await act(first.id, 'resend', { mode: 'render' });
  const other = await act(first.id, 'resend', { to: ['bob@example.org'] });
  expect([again.status, other.status, again.body['resentFrom']]).toEqual([202, 202, first.id]);
  await smtp.waitForMessages(3);
  expect(smtp.messages.map(({ to }) => to[0])).toEqual(['ann@example.org', 'ann@example.org', 'bob@example.org']);
  const mails = await Promise.all(smtp.messages.map((message) => message.parsed()));
  expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(3);
  expect(mails.map(({ attachments }) => attachments[0]?.content.toString())).toEqual(['a', 'a', 'a']);
  const links = (await service.email(queue, first.id)).changes.map(({ fields }) => fields?.['resentAs']?.after);
  expect(links).toEqual([again.body.id, other.body.id]);
  expect(await service.email(queue, again.body.id)).toMatchObject({ resentFrom: first.id });
  expect(await act(first.id, 'resend', { mode: 'as-sent' })).toMatchObject({
    status: 409,
    body: { code: 'not-archived' },
  });
});

test('an uncertain email waits for a person who resolves it, each way', async () => {
  await service.ok('PUT', `/v1/queues/${queue}`, { from: 's@acme.example', onUncertain: 'hold' });
  smtp.setScript({ dot: () => ({ action: 'close' }) });
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push((await post(anEmail())).id);
  for (const id of ids) expect((await ended(id, 'uncertain')).reason?.code).toBe('uncertain');
  const [sent = '', failed = '', again = ''] = ids;
  smtp.setScript({});
  expect((await act(sent, 'resolve', { as: 'sent' })).body.state).toBe('sent');
  expect((await act(failed, 'resolve', { as: 'failed' })).body).toMatchObject({ state: 'failed' });
  expect((await act(again, 'resolve', { as: 'resend' })).status).toBe(200);
  await ended(again, 'sent');
  expect((await act(sent, 'resolve', { as: 'sent' })).status).toBe(409);
  expect(smtp.messages).toHaveLength(1);
});

test('an expired email in a paused queue shows it within seconds, and is released with a new span', async () => {
  await pause();
  const { id } = await post(anEmail({ expiresAfter: '300ms' }));
  const scheduled = await post(anEmail({ sendAt: new Date(Date.now() + 400).toISOString(), expiresAfter: '300ms' }));
  const expired = await ended(id, 'expired');
  await ended(scheduled.id, 'expired');
  expect(expired.changes.map(({ what }) => what)).toEqual(['expired']);
  const released = await act(id, 'release');
  expect(Date.parse(released.body.expiresAt)).toBeGreaterThan(Date.now());
  await patch(id, { expiresAfter: '1h' });
  await resume();
  await ended(id, 'sent');
  expect(smtp.messages).toHaveLength(1);
});

test('erased: nothing is left but the sign that it once was', async () => {
  const { id } = await post(
    anEmail({ sendAt: '2030-01-01T00:00:00Z', attachments: [{ filename: 'a.txt', content: 'YQ==' }] }),
  );
  expect((await service.call('DELETE', `${emails}/${id}`)).status).toBe(204);
  expect((await service.call('GET', `${emails}/${id}`)).status).toBe(404);
  const redis = await service.redis.connect();
  expect(await redis.call('KEYS', `*${id.slice(2)}*`)).toEqual([]);
  expect(await redis.call('KEYS', '*:gone:*')).not.toEqual([]);
  const content = (await redis.call('KEYS', `*${queue.replace('/', '.')}}:content*`)) as string[];
  expect(content).toEqual([]);
  redis.disconnect();
});

test('explain says why it was not sent', async () => {
  const codes = async (id: string) =>
    (await service.ok<{ reasons: { code: string }[] }>('GET', `${emails}/${id}/explain`)).reasons.map(
      ({ code }) => code,
    );
  const scheduled = await post(anEmail({ sendAt: '2030-01-01T00:00:00Z' }));
  expect(await codes(scheduled.id)).toEqual(['not-due']);
  await pause();
  const first = await post(anEmail());
  const second = await post(anEmail());
  const why = await service.ok<{ reasons: { code: string; text: string }[] }>('GET', `${emails}/${second.id}/explain`);
  expect(why.reasons.map(({ code }) => code)).toEqual(['queue-paused', 'in-line']);
  expect(why.reasons[0]?.text).toMatch(/since .* by operator/);
  expect(why.reasons[1]?.text).toMatch(/^1 emails/);
  await service.ok('DELETE', '/v1/tenants/acme/transports/default');
  expect(await codes(first.id)).toEqual(['queue-paused', 'transport-unknown', 'in-line']);
  await act(first.id, 'hold');
  expect(await codes(first.id)).toEqual(['held']);
});
