// Plain BullMQ clients beside the API: what they do to a queue is found, and nothing is lost by it but what they take away.
import { Queue } from 'bullmq';
import { BY_OTHER_CLIENTS } from '../../../libs/mail/email/state';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

/** What docs/operations.md promises. */
const FOUND_MS = 30_000;
const HOUR = 3_600_000;

let service: Service;
let smtp: SmtpServer;
const opened: Queue[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ otherChanges: BY_OTHER_CLIENTS });
});
afterAll(async () => {
  await Promise.all(opened.map((queue) => queue.close()));
  await service.close();
  await smtp.close();
});

/** A queue, and a client that knows nothing but BullMQ. */
const open = async (application: string) => {
  const { queue, emails } = await setUpQueue(service, `acme/${application}`, smtp.port);
  const name = `acme.${application}`;
  const bull = new Queue(name, { prefix: `rohrpost:{${name}}`, connection: { url: service.redis.url } });
  opened.push(bull);
  const send = async (more: Record<string, unknown> = {}): Promise<string> => {
    const to = [`${application}@example.org`];
    return (await service.ok<EmailBody>('POST', emails, anEmail({ to, ...more }))).id;
  };
  const job = async (id: string) => {
    const found = await bull.getJob(id);
    if (found === undefined) throw new Error(`${id} is not there`);
    return found;
  };
  const counts = async () =>
    (await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`)).counts;
  return {
    queue,
    emails,
    bull,
    send,
    job,
    counts,
    state: async (id: string) => (await service.email(queue, id)).state,
  };
};

const later = (): { sendAt: string } => ({ sendAt: new Date(Date.now() + HOUR).toISOString() });
const received = (application: string): number =>
  smtp.messages.filter(({ to }) => to[0] === `${application}@example.org`).length;

test('resume, promote, changeDelay, retry, add, updateData: a worker comes, and says what is no email', async () => {
  smtp.setScript({ rcpt: ({ recipient }) => (recipient === 'retry@example.org' ? '550 5.1.1 unknown' : undefined) });
  const [resume, promote, delay, retry, repeat, add, update, canceled] = await Promise.all(
    ['resume', 'promote', 'delay', 'retry', 'repeat', 'add', 'update', 'canceled'].map(open),
  );
  if (!resume || !promote || !delay || !retry || !repeat || !add || !update || !canceled)
    throw new Error('eight queues');
  await resume.bull.pause();
  await update.bull.pause();
  const ids = {
    resume: await resume.send(),
    promote: await promote.send(later()),
    delay: await delay.send(later()),
    retry: await retry.send(),
    repeat: await repeat.send(),
    update: await update.send(),
    canceled: await canceled.send(later()),
  };
  await eventually(async () => expect(await retry.state(ids.retry)).toBe('failed'));
  await eventually(async () => expect(await repeat.state(ids.repeat)).toBe('sent'));
  expect(await service.ok('GET', `/v1/queues/${resume.queue}`)).toMatchObject({ paused: true, counts: { queued: 1 } });
  smtp.setScript({});
  await service.ok('POST', `${canceled.emails}/${ids.canceled}/cancel`);

  const begun = Date.now();
  await resume.bull.resume();
  await (await promote.job(ids.promote)).promote();
  await (await delay.job(ids.delay)).changeDelay(100);
  await (await retry.job(ids.retry)).retry('failed');
  // As if it had never been tried.
  const anew = { resetAttemptsMade: true, resetAttemptsStarted: true };
  await (await repeat.job(ids.repeat)).retry('completed', anew);
  await (await canceled.job(ids.canceled)).retry('failed', anew);
  await add.bull.add('report', { not: 'an email' }, { jobId: 'report-1' });
  await (await update.job(ids.update)).updateData({});
  await update.bull.resume();
  const sent = [
    [resume, ids.resume],
    [promote, ids.promote],
    [delay, ids.delay],
    [retry, ids.retry],
    [repeat, ids.repeat],
  ] as const;
  await eventually(
    async () => {
      for (const [{ queue }, id] of sent) {
        const { state, reason } = await service.email(queue, id);
        expect([queue, state, reason]).toEqual([queue, 'sent', undefined]);
      }
      expect(await update.state(ids.update)).toBe('failed');
      expect(await canceled.state(ids.canceled)).toBe('canceled');
      expect((await add.counts())['failed']).toBe(1);
    },
    { timeout: FOUND_MS, every: 200 },
  );
  expect(Date.now() - begun).toBeLessThan(FOUND_MS);
  // Each once: what the server had taken is not sent again.
  expect(['resume', 'promote', 'delay', 'retry', 'repeat', 'canceled'].map(received)).toEqual([1, 1, 1, 1, 1, 0]);
  const { emails } = await service.ok<{ emails: EmailBody[] }>('GET', update.emails);
  expect(emails).toMatchObject([{ id: ids.update, reason: { code: 'message-invalid' } }]);
  expect((await add.job('report-1')).failedReason).toContain('holds no email');
}, 60_000);

test('remove, drain, pause, changePriority: lists and counts go on, the rest is sent', async () => {
  const { queue, emails, bull, send, job, counts } = await open('taken');
  await bull.pause();
  const [first, second, third] = [await send(), await send({ priority: 'low' }), await send(later())];
  await (await job(first)).remove();
  await (await job(second)).changePriority({ priority: 1 });
  const listed = await service.ok<{ emails: EmailBody[] }>('GET', emails);
  expect(listed.emails.map(({ id }) => id)).toEqual([third, second]);
  expect((await service.call('GET', `/v1/queues/${queue}/emails/${first}`)).status).toBe(404);
  await bull.drain(true);
  expect(await counts()).toMatchObject({ scheduled: 0, queued: 0 });
  expect((await service.ok<{ emails: EmailBody[] }>('GET', emails)).emails).toEqual([]);
  const last = await send();
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(async () => expect((await service.email(queue, last)).state).toBe('sent'));
});
