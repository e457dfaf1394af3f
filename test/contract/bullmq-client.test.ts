// What somebody sees who looks at a queue with BullMQ and knows nothing of Rohrpost.
import { Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { openClient } from '../support/redis/test-redis';
import { untilState } from '../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

/** As docs/operations.md says. */
const clientOf = (service: Service, name: string) => ({
  prefix: `rohrpost:{${name}}`,
  connection: { url: service.redis.url },
});
const told = { bullmqEvents: true };

let service: Service;
let smtp: SmtpServer;
let bull: Queue;
let redis: Redis;
let events: QueueEvents;
let emails: string;
const queue = 'acme/app';

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ api: told, worker: told });
  ({ emails } = await setUpQueue(service, queue, smtp.port, { onUncertain: 'hold' }));
  bull = new Queue('acme.app', clientOf(service, 'acme.app'));
  redis = openClient(service.redis.url);
});
afterAll(async () => {
  await events.close();
  await bull.close();
  redis.disconnect();
  await service.close();
  await smtp.close();
});

const post = async (changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const later = { sendAt: '2034-01-01T00:00:00Z' };
const secret = { to: ['Secret Name <secret@example.org>'], subject: 'Secret subject', text: 'Secret text' };

/** All that the stream holds, and what comes. @returns what was heard of an email */
const listen = (): ((id: string) => string[][]) => {
  events = new QueueEvents('acme.app', { ...clientOf(service, 'acme.app'), lastEventId: '0' });
  const heard: string[][] = [];
  events.on('completed', ({ jobId, returnvalue, prev = '' }: { jobId: string; returnvalue: string; prev?: string }) =>
    heard.push([jobId, 'completed', returnvalue, prev]),
  );
  events.on('failed', ({ jobId, failedReason, prev = '' }) => heard.push([jobId, 'failed', failedReason, prev]));
  return (id) => heard.filter(([of]) => of === id).map(([, ...rest]) => rest);
};

test('QueueEvents hears of each end once, in codes; of an email that is not kept it hears nothing', async () => {
  let lost = 0;
  smtp.setScript({
    rcpt: ({ recipient = '', message }) => {
      if (recipient.startsWith('lost')) lost = message;
      return recipient.startsWith('no') ? `550 5.1.1 ${recipient} is unknown` : undefined;
    },
    dot: ({ message }) => (message === lost ? { action: 'close' } : undefined),
  });
  const of = listen();
  const ids: Record<string, string> = {
    sent: await post(secret),
    refused: await post({ ...secret, to: ['no-secret@example.org'] }),
    unkept: await post({ ...secret, history: { keep: false } }),
    unkeptRefused: await post({ ...secret, to: ['no-secret@example.org'], history: { keep: false } }),
    uncertain: await post({ ...secret, to: ['lost-secret@example.org'] }),
    held: await post({ ...secret, ...later }),
    unkeptHeld: await post({ ...secret, ...later, history: { keep: false } }),
  };
  const id = (name: string): string => ids[name] ?? '';
  for (const name of ['held', 'unkeptHeld']) await service.ok('POST', `${emails}/${id(name)}/hold`);
  await eventually(() => expect(of(id('held'))).toEqual([['failed', 'held', 'delayed']]));
  // What is canceled in the error log is told of already; released, it ends anew.
  await service.ok('POST', `${emails}/${id('held')}/release`, {});
  await service.ok('POST', `${emails}/${id('held')}/cancel`);
  await eventually(() => expect(of(id('held'))[1]).toEqual(['failed', 'canceled', 'delayed']));
  await service.ok('POST', `${emails}/${id('unkeptHeld')}/cancel`);
  await untilState(service, queue, id('refused'), 'failed');
  await untilState(service, queue, id('unkeptRefused'), 'failed');
  await eventually(async () => expect((await service.call('GET', `${emails}/${id('unkept')}`)).status).toBe(404));
  await untilState(service, queue, id('uncertain'), 'uncertain');
  await service.ok('POST', `${emails}/${id('uncertain')}/resolve`, { as: 'sent' });
  const resolved = [
    ['failed', 'uncertain', 'active'],
    ['completed', 'sent', 'failed'],
  ];
  await eventually(() => expect(of(id('uncertain'))).toEqual(resolved));
  await eventually(() => expect(of(id('sent'))).toEqual([['completed', 'sent', 'active']]));
  await eventually(() => expect(of(id('refused'))).toEqual([['failed', 'refused', 'active']]));
  const awaited = await post(later);
  const finished = (await bull.getJob(awaited))?.waitUntilFinished(events);
  await service.ok('POST', `${emails}/${awaited}/send-now`);
  expect(await finished).toBe('sent');
  for (const name of ['unkept', 'unkeptRefused', 'unkeptHeld']) expect([name, of(id(name))]).toEqual([name, []]);
  const stream = JSON.stringify(await redis.xrange(bull.toKey('events'), '-', '+'));
  expect(stream).not.toMatch(/secret|unknown|example\.org/i);
  for (const name of ['unkept', 'unkeptRefused', 'unkeptHeld']) expect(stream).not.toContain(id(name));
  // Numbers name nobody: those of which no event tells are counted.
  expect((await bull.getMetrics('failed')).meta.count).toBe(6);
  expect(await bull.exportPrometheusMetrics()).toMatch(/bullmq_job_completed_total\{queue="acme.app"\} [1-9]/);
});

test('getJob, getState, getJobs, counts, logs and the pause are what the API says', async () => {
  const { counts: before } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
  const [sent, scheduled] = [await post(), await post(later)];
  await untilState(service, queue, sent, 'sent');
  const job = await bull.getJob(sent);
  expect(job).toMatchObject({ id: sent, name: 'email', attemptsMade: 1, returnvalue: '' });
  // Each process has its own estimate of Redis' clock.
  expect(job?.finishedOn).toBeGreaterThanOrEqual((job?.timestamp ?? Infinity) - 1_000);
  expect([await job?.getState(), await job?.isCompleted()]).toEqual(['completed', true]);
  const { logs, count } = await bull.getJobLogs(sent);
  expect([count, logs.map((line) => (JSON.parse(line) as { kind: string; outcome: string }).outcome)]).toEqual([
    1,
    ['sent'],
  ]);
  expect(await bull.getJobState(scheduled)).toBe('delayed');
  expect((await bull.getJobs(['delayed'])).map(({ id }) => id)).toContain(scheduled);
  expect((await bull.getCompleted()).map(({ id }) => id)).toContain(sent);
  expect(await bull.getJobCounts('completed', 'delayed', 'active', 'waiting')).toEqual({
    completed: (before['sent'] ?? 0) + 1,
    delayed: (before['scheduled'] ?? 0) + 1,
    active: 0,
    waiting: 0,
  });
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  expect(await bull.isPaused()).toBe(true);
  const waiting = await post();
  expect([await bull.getJobState(waiting), await bull.count()]).toEqual([
    'prioritized',
    (before['scheduled'] ?? 0) + 2,
  ]);
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  expect(await bull.isPaused()).toBe(false);
  await untilState(service, queue, waiting, 'sent');
});

test('where nobody asked for them, there are no events and no metrics', async () => {
  const quiet = await startService();
  await setUpQueue(quiet, queue, smtp.port);
  const { id } = await quiet.ok<EmailBody>('POST', emails, anEmail());
  await untilState(quiet, queue, id, 'sent');
  const refused = await quiet.ok<EmailBody>('POST', emails, anEmail({ to: ['no@example.org'] }));
  await untilState(quiet, queue, refused.id, 'failed');
  const client = new Queue('acme.app', clientOf(quiet, 'acme.app'));
  const plain = openClient(quiet.redis.url);
  expect(await plain.exists(client.toKey('events'))).toBe(0);
  plain.disconnect();
  expect(await client.getMetrics('completed')).toMatchObject({ meta: { count: 0 }, data: [] });
  await client.close();
  await quiet.close();
});
