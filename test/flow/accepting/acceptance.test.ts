// Accepted once, whatever a client repeats; seen again by state, time and page.
import { openClient } from '../../support/redis/test-redis';
import { isGone, setTombstone } from '../../../libs/jobs/layout/tombstones';
import { queueKeys } from '../../../libs/store/redis/keys';
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
  smtp = await startSmtpServer();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});
beforeEach(async () => {
  smtp.messages.length = 0;
  ({ queue, emails } = await setUpQueue(service, `acme/app-${count++}`, smtp.port));
});

const keyed = (key: string, body: unknown) =>
  service.call<EmailBody>('POST', emails, body, { headers: { 'idempotency-key': key } });

test('fifty repetitions at once are one email and one answer', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => keyed('invoice-114', anEmail())));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 202));
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
  const id = answers[0]?.body.id ?? '';
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  const after = await keyed('invoice-114', { ...anEmail(), subject: 'Hello' });
  expect([after.status, after.body.id, after.headers.get('idempotency-replayed')]).toEqual([202, id, 'true']);
  expect(smtp.messages).toHaveLength(1);
});

test('another body under the same key is refused; the order of fields does not matter', async () => {
  const { subject, ...rest } = anEmail();
  const first = await keyed('k', { subject, ...rest });
  expect((await keyed('k', { ...rest, subject })).body).toEqual(first.body);
  const other = await keyed('k', anEmail({ subject: 'Another' }));
  expect(other).toMatchObject({ status: 409, body: { code: 'idempotency-key-reused' } });
});

test('a repetition after the email was sent and removed does not send it again', async () => {
  const body = anEmail({ history: { keep: false }, to: ['once@example.org'] });
  const { body: first } = await keyed('gone', body);
  await eventually(async () => expect((await service.call('GET', `${emails}/${first.id}`)).status).toBe(404));
  expect((await keyed('gone', body)).body).toEqual(first);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  expect(smtp.messages.filter(({ to }) => to.includes('once@example.org'))).toHaveLength(1);
});

test('a repetition is answered as before, also when what it names is gone', async () => {
  const { contentId } = await service.ok<{ contentId: string }>('POST', `/v1/queues/${queue}/content`, undefined, {
    raw: Buffer.from('a document'),
    headers: { 'content-type': 'application/octet-stream' },
  });
  const body = anEmail({ attachments: [{ filename: 'a.txt', contentId }], history: { keep: false } });
  const { body: first } = await keyed('with-content', body);
  await eventually(async () => expect((await service.call('GET', `${emails}/${first.id}`)).status).toBe(404));
  // As the sweep does a day after the upload.
  const [tenant = '', application = ''] = queue.split('/');
  const redis = openClient(service.redis.url);
  await redis.del(queueKeys({ tenant, application }).content(contentId));
  redis.disconnect();
  expect(await keyed('with-content', body)).toMatchObject({ status: 202, body: first });
});

test('a batch of 1,000 arrives, each email once', async () => {
  const lines = Array.from({ length: 1_000 }, (_, n) => ({ to: [`r${n}@example.org`], idempotencyKey: `line-${n}` }));
  const body = { emails: lines, defaults: { subject: 'Bulk', text: 'Hello' } };
  const first = await service.ok<{ results: { id: string }[] }>('POST', `${emails}/batch`, body);
  const second = await service.ok<{ results: { id: string }[] }>('POST', `${emails}/batch`, body);
  expect(second.results.map(({ id }) => id)).toEqual(first.results.map(({ id }) => id));
  await smtp.waitForMessages(1_000);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
      counts: { sent: 1_000, queued: 0, sending: 0 },
    }),
  );
  expect(new Set(smtp.messages.map(({ to }) => to[0])).size).toBe(1_000);
  expect(smtp.messages).toHaveLength(1_000);
});

describe('a batch under a key', () => {
  const batch = (key: string, body: unknown) =>
    service.call<{ results: { id?: string; problem?: { code: string } }[] }>('POST', `${emails}/batch`, body, {
      headers: { 'idempotency-key': key },
    });
  const lines = (many: number) => Array.from({ length: many }, (_, n) => anEmail({ to: [`r${n}@example.org`] }));

  test('twenty repetitions at once are one batch: one answer, no line twice', async () => {
    const body = { emails: [...lines(30), { to: 'nobody' }, anEmail({ idempotencyKey: 'own' })] };
    const answers = await Promise.all(Array.from({ length: 20 }, () => batch('all', body)));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    const ids = answers[0]?.body.results.map(({ id }) => id) ?? [];
    expect(answers[0]?.body.results[30]?.problem?.code).toBe('invalid');
    expect(ids).toEqual([...ids.slice(0, 30).sort(), undefined, ids[31]]);
    await smtp.waitForMessages(31);
    await eventually(async () =>
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 31, queued: 0 } }),
    );
    expect(await batch('all', body)).toMatchObject({ status: 202, body: answers[0]?.body });
    expect(smtp.messages).toHaveLength(31);
  });

  test('another body is refused, of a batch or of one email; what was refused as a whole leaves the key free', async () => {
    await service.ok('POST', `/v1/queues/${queue}/pause`);
    expect((await batch('k', { emails: [{}] })).status).toBe(422);
    const first = await batch('k', { emails: lines(2) });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null]);
    const reused = { status: 409, body: { code: 'idempotency-key-reused' } };
    expect(await batch('k', { emails: lines(3) })).toMatchObject(reused);
    expect(await keyed('k', { emails: lines(2) })).toMatchObject({ status: 422 });
    expect(await keyed('k', lines(1)[0])).toMatchObject(reused);
    await keyed('one', lines(1)[0]);
    expect(await batch('one', { emails: lines(1) })).toMatchObject(reused);
  });

  test('a first request that died in the middle is gone on with: the rest is added, what was sent is not', async () => {
    const body = { emails: lines(6).map((line) => ({ ...line, history: { keep: false } })) };
    const first = await batch('died', body);
    await smtp.waitForMessages(6);
    // Two lines as if they had never been added, and the batch as if nobody had seen its end.
    const [tenant = '', application = ''] = queue.split('/');
    const [redis, keys] = [openClient(service.redis.url), queueKeys({ tenant, application })];
    const sent = first.body.results.map(({ id = '' }) => id);
    await eventually(async () => {
      const gone = await Promise.all(sent.map((id) => isGone(redis, keys, id)));
      expect(gone).toEqual(sent.map(() => true));
    });
    await redis.del(...(await redis.keys(`${keys.gone}*`)));
    for (const id of [...sent.slice(0, 2), ...sent.slice(4)]) await setTombstone(redis, keys, id);
    const records = await redis.keys(`${keys.idempotency('')}*`);
    for (const record of records) await redis.setrange(record, 0, '0');
    redis.disconnect();
    const again = await batch('died', body);
    expect(again).toMatchObject({ status: 202, body: first.body });
    await smtp.waitForMessages(8);
    await eventually(async () =>
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { queued: 0, sending: 0 } }),
    );
    expect(
      smtp.messages
        .slice(6)
        .map(({ to }) => to[0])
        .sort(),
    ).toEqual(['r2@example.org', 'r3@example.org']);
  });
});

test('a resend under a key is one email', async () => {
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  const resend = (body: unknown) =>
    service.call<EmailBody>('POST', `${emails}/${id}/resend`, body, { headers: { 'idempotency-key': 'again' } });
  const answers = [...(await Promise.all([resend({}), resend({}), resend({})])), await resend({ mode: 'render' })];
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(answers[3]?.headers.get('idempotency-replayed')).toBe('true');
  expect(await resend({ to: 'bob@example.org' })).toMatchObject({ status: 409 });
  await smtp.waitForMessages(2);
});

test('lists are newest first, by state and time, and page by page', async () => {
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const accepted: string[] = [];
  for (let n = 0; n < 5; n++)
    accepted.unshift((await service.ok<EmailBody>('POST', emails, anEmail({ to: [`a${n}@example.org`] }))).id);
  const later = (await service.ok<EmailBody>('POST', emails, anEmail({ sendAt: '2030-01-01T00:00:00Z', tags: ['x'] })))
    .id;
  const list = (query: string) =>
    service.ok<{ emails: EmailBody[]; nextCursor: string | null }>('GET', `${emails}?${query}`);
  const idsOf = (page: { emails: EmailBody[] }) => page.emails.map(({ id }) => id);
  expect(idsOf(await list(''))).toEqual([later, ...accepted]);
  expect(idsOf(await list('state=queued'))).toEqual(accepted);
  expect(idsOf(await list('state=scheduled'))).toEqual([later]);
  expect(idsOf(await list('tag=x'))).toEqual([later]);
  expect(idsOf(await list('recipient=a3@example.org'))).toEqual([accepted[1]]);
  expect(idsOf(await list('recipient=a*')).sort()).toEqual([later, ...accepted].sort());
  expect(idsOf(await list(`until=${new Date(Date.now() - 60_000).toISOString()}`))).toEqual([]);
  const pages: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { emails: EmailBody[]; nextCursor: string | null } = await list(
      `limit=2${cursor && `&cursor=${cursor}`}`,
    );
    expect(page.emails.length).toBeLessThanOrEqual(2);
    pages.push(...idsOf(page));
    cursor = page.nextCursor;
  }
  expect(pages).toEqual([later, ...accepted]);
});
