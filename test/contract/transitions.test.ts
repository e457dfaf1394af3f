// The contract with the pinned BullMQ: what our transitions write, BullMQ reads as its own.
import { Worker, type MinimalJob } from 'bullmq';
import type { Redis } from 'ioredis';
import type { StoredEmail } from '../../libs/mail/email/stored-email';
import { readStatus } from '../../libs/jobs/read/counts';
import { createSchedule, type Schedule } from '../../libs/jobs/layout/schedule';
import { readRecords } from '../../libs/jobs/layout/email-record';
import { giveBack, takeEmail } from '../../libs/jobs/transitions/lease';
import { clearIntent, markDone, markIntent, markSent, readMarks } from '../../libs/jobs/transitions/hand-over-journal';
import { createQueues, type EmailQueue } from '../../libs/jobs/layout/queues';
import { BULL_PRIORITY, createEnqueue } from '../../libs/intake/enqueue';
import { correctEmail } from '../../libs/jobs/transitions/correct';
import { endEmail } from '../../libs/jobs/transitions/end';
import { withdraw, type Withdrawal } from '../../libs/jobs/transitions/withdraw';
import { releaseEmail } from '../../libs/jobs/transitions/release';
import { removeJob } from '../../libs/jobs/transitions/remove-job';
import { resolveSent } from '../../libs/jobs/transitions/resolve-sent';
import { EVENTS_KEPT } from '../../libs/jobs/layout/bullmq-events';
import { TESTED_BULLMQ } from '../../libs/jobs/layout/tested-bullmq';
import { dependencies } from '../../package.json';
import { KEYS } from '../../libs/store/redis/keys';
import { aStoredEmail, useBareRedis } from '../support/redis/bare-redis';
import { eventually } from '../support/wait';

const bare = useBareRedis();
let redis: Redis;
let queue: EmailQueue;
let count = 0;

beforeAll(() => {
  ({ redis } = bare);
});
beforeEach(() => {
  queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: `app-${count++}` });
});

const AT = { now: 1, resumeAt: 2 };

const add = async (id: string, more: Partial<StoredEmail> = {}): Promise<StoredEmail> => {
  const stored = aStoredEmail(more);
  const accepted = { id, email: stored, acceptedAt: Date.now(), priority: stored.priority ?? ('normal' as const) };
  await createEnqueue({ redis, schedule: createSchedule(redis) }).add(queue, [accepted]);
  return stored;
};
const aside = (id: string, from: Withdrawal['from'] = 'send-queue') =>
  withdraw(redis, queue, id, {
    failure: { code: 'held', text: 'by a test' },
    now: Date.now(),
    keepUntil: Date.now() + 1e6,
    from,
  });
const line = { kind: 'change' as const, at: '', by: 'test', what: 'tested' };
const back = (id: string, before: StoredEmail, due = Date.now()) =>
  releaseEmail(redis, queue, id, { before, after: { ...before, rev: before.rev + 1 }, line, now: Date.now(), due });
const take = async (): Promise<string | undefined> => {
  const taken = await takeEmail(redis, queue, `token-${count++}`);
  if (taken.email === undefined) return undefined;
  await endEmail(redis, taken.email, { place: 'completed', result: '""', now: Date.now(), removeAt: Date.now() + 1e6 });
  return taken.email.id;
};

const LAYOUT: [string, Partial<StoredEmail>][] = [
  ['waiting', { priority: 'high' }],
  ['prioritized', {}],
  ['delayed', { sendAt: '2034-01-01T00:00:00.000Z' }],
];

test.each<[string, 'high' | 'normal' | 'low', number]>([
  ['high, now', 'high', 0],
  ['normal, now', 'normal', 0],
  ['low, now', 'low', 0],
  ['normal, later', 'normal', 3_600_000],
  ['high, later', 'high', 3_600_000],
])(
  'what is added (%s) stands where BullMQ would have put it, and is read as the same job',
  async (_name, priority, delay) => {
    const acceptedAt = Date.now();
    const email = aStoredEmail(delay > 0 ? { sendAt: new Date(acceptedAt + delay).toISOString() } : {});
    await createEnqueue({ redis, schedule: createSchedule(redis) }).add(queue, [
      { id: 'm_1', email, acceptedAt, priority },
    ]);
    const number = BULL_PRIORITY[priority];
    const theirs = theirQueue();
    await theirs.bull.add('email', email, {
      jobId: 'm_1',
      timestamp: acceptedAt,
      ...(delay > 0 && { delay }),
      ...(number > 0 && { priority: number }),
    });
    const placed = async ({ keys: { bull } }: EmailQueue) => ({
      wait: await redis.lrange(`${bull}wait`, 0, -1),
      prioritized: await redis.zrange(`${bull}prioritized`, 0, '-1', 'WITHSCORES'),
      delayed: await redis.zrange(`${bull}delayed`, 0, '-1', 'WITHSCORES'),
      counter: await redis.get(`${bull}pc`),
    });
    expect(await placed(queue)).toEqual(await placed(theirs));
    const read = async ({ bull }: EmailQueue) => {
      const job = await bull.getJob('m_1');
      // Bull Board compares the two, and says when it will be sent where they are the same.
      const delays = [job?.opts.delay, job?.delay].map((ms) => ms || 0);
      return {
        name: job?.name,
        data: job?.data as unknown,
        timestamp: job?.timestamp,
        delays,
        state: await job?.getState(),
      };
    };
    expect(await read(queue)).toEqual(await read(theirs));
    for (const from of delay === 0 ? [queue, theirs] : []) {
      const [job] = (await from.backend.moveToActive('token', 'test')) as unknown[];
      expect(job).toMatchObject({ data: JSON.stringify(email), timestamp: acceptedAt, attemptsMade: 0 });
    }
  },
);

test('an email is added once, however often it is asked for, in a batch of any size', async () => {
  const acceptedAt = Date.now();
  const batch = Array.from({ length: 250 }, (_, n) => ({
    id: `m_${String(n).padStart(3, '0')}`,
    email: aStoredEmail({ to: [{ address: `a${n}@example.org` }, { address: 'all@example.org' }] }),
    acceptedAt,
    priority: 'normal' as const,
  }));
  const queueOf = () => createEnqueue({ redis, schedule: createSchedule(redis) });
  await queueOf().add(queue, batch);
  await queueOf().add(queue, batch.slice(100));
  const ids = batch.map(({ id }) => id);
  expect(await redis.zrange(`${queue.keys.bull}prioritized`, 0, '-1')).toEqual(ids);
  expect(await redis.zrange(queue.keys.byTime, 0, '-1')).toEqual(ids);
  expect(await redis.zcard(queue.keys.byAddress)).toBe(500);
  expect(await redis.zcard(queue.keys.upkeep)).toBe(250);
});

test.each([
  ['completed', '""', 'moveToCompleted'],
  ['failed', 'refused: no', 'moveToFailed'],
] as const)('what ends as %s stands where BullMQ would have put it', async (place, result, move) => {
  const theirs = theirQueue();
  await add('m_1');
  await theirs.bull.add('email', aStoredEmail(), { jobId: 'm_1' });
  const [mine, bare] = [await takeEmail(redis, queue, 'mine'), await takeEmail(redis, theirs, 'theirs')];
  if (mine.email === undefined || bare.email === undefined) throw new Error('there is no email');
  const now = Date.now();
  await endEmail(redis, mine.email, { place, result, now, removeAt: now + 1e6 });
  const minimal = { id: 'm_1', opts: { attempts: 0 } } as MinimalJob;
  await theirs.backend[move](minimal, place === 'completed' ? '' : result, false, 'theirs', false);
  const ended = async ({ bull, keys }: EmailQueue) => {
    const job = await bull.getJob('m_1');
    const kept = ['active', 'stalled', 'completed', 'failed', 'm_1:lock'].map((key) =>
      redis.type(`${keys.bull}${key}`),
    );
    return {
      result: [job?.returnvalue as unknown, job?.failedReason, job?.attemptsMade, job?.finishedOn !== undefined],
      counts: await bull.getJobCounts(),
      kept: await Promise.all(kept),
    };
  };
  expect(await ended(queue)).toEqual(await ended(theirs));
  await expect(endEmail(redis, mine.email, { place, result, now })).rejects.toThrow('the lock of m_1 was lost');
});

test('the bullmq of package.json is the one that processes insist on', () => {
  expect(dependencies.bullmq).toBe(TESTED_BULLMQ);
});

/** Our email and BullMQ's job in their error logs, each after one attempt, for the same reason. */
const bothFailed = async (reason: string, more: Partial<StoredEmail> = {}) => {
  const theirs = theirQueue();
  const stored = await add('m_1', more);
  const priority = BULL_PRIORITY[more.priority ?? 'normal'];
  await theirs.bull.add('email', stored, { jobId: 'm_1', ...(priority > 0 && { priority }) });
  const [mine, bare] = [await takeEmail(redis, queue, 'mine'), await takeEmail(redis, theirs, 'theirs')];
  if (mine.email === undefined || bare.email === undefined) throw new Error('there is no email');
  const now = Date.now();
  await endEmail(redis, mine.email, { place: 'failed', result: reason, now, removeAt: now + 1e6 });
  await theirs.backend.moveToFailed({ id: 'm_1', opts: { attempts: 0 } } as MinimalJob, reason, false, 'theirs', false);
  return { theirs, stored };
};

/** All that a BullMQ client reads of the only job of a queue, and where BullMQ looks for it. */
const seenOf = async ({ bull, keys }: EmailQueue) => {
  const job = await bull.getJob('m_1');
  const { wait, prioritized, delayed } = {
    wait: await redis.lrange(`${keys.bull}wait`, 0, -1),
    prioritized: await redis.zrange(`${keys.bull}prioritized`, 0, '-1', 'WITHSCORES'),
    delayed: await redis.zrange(`${keys.bull}delayed`, 0, '-1'),
  };
  return {
    places: { wait, prioritized, delayed },
    state: await job?.getState(),
    counts: await bull.getJobCounts(),
    attempts: [job?.attemptsMade, job?.attemptsStarted, job?.stalledCounter],
    times: [job?.finishedOn, job?.processedOn].map((time) => time !== undefined),
    result: [job?.returnvalue as unknown, job?.failedReason, job?.stacktrace],
    locked: await redis.exists(keys.lock('m_1')),
  };
};

test.each<'high' | 'normal' | 'low'>(['high', 'normal', 'low'])(
  'what is released (%s) stands where a retry of BullMQ would have put it, and is read as the same job',
  async (priority) => {
    const { theirs, stored } = await bothFailed('refused: no', { priority });
    expect(await back('m_1', stored)).toBeUndefined();
    await (await theirs.bull.getJob('m_1'))?.retry('failed', { resetAttemptsMade: true });
    expect(await seenOf(queue)).toEqual(await seenOf(theirs));
    for (const from of [queue, theirs]) {
      const [job] = (await from.backend.moveToActive('token', 'test')) as unknown[];
      expect(job).toMatchObject({ attemptsMade: 0 });
    }
  },
);

test('what is resolved as sent is read as a job that BullMQ has completed', async () => {
  await bothFailed('uncertain: nobody knows');
  const times = { now: Date.now(), keepUntil: Date.now() + 1e6 };
  expect(await resolveSent(redis, queue, 'm_1', line, times)).toBeUndefined();
  const theirs = theirQueue();
  await theirs.bull.add('email', aStoredEmail(), { jobId: 'm_1', priority: 10 });
  await takeEmail(redis, theirs, 'theirs');
  await theirs.backend.moveToCompleted({ id: 'm_1', opts: { attempts: 0 } } as MinimalJob, '', false, 'theirs', false);
  expect(await seenOf(queue)).toEqual(await seenOf(theirs));
  expect(await resolveSent(redis, queue, 'm_1', line, times)).toBe('wrong-state');
});

test.each([
  ['completed', ''],
  ['failed', 'refused: 550 no such user ann@example.org'],
] as const)('of what has %s is told what a BullMQ worker tells, with a code for the words', async (place, result) => {
  const theirs = theirQueue();
  await add('m_1');
  await theirs.bull.add('email', aStoredEmail(), { jobId: 'm_1' });
  // Six minutes of which nothing was counted but the first end.
  const counted = { prevTS: Date.now() - 6 * 60_000, prevCount: 0, count: 1 };
  for (const { keys } of [queue, theirs]) await redis.hset(`${keys.bull}metrics:${place}`, counted);
  const { email: mine } = await takeEmail(redis, queue, 'mine');
  if (mine === undefined) throw new Error('there is no email');
  const now = Date.now();
  await endEmail(redis, mine, { place, result, now, removeAt: now + 1e6, telling: 'told' });
  const worker = new Worker(
    theirs.name,
    () => (place === 'failed' ? Promise.reject(new Error(result)) : Promise.resolve(result)),
    { connection: { url: bare.server.url }, prefix: `rohrpost:{${theirs.name}}`, metrics: { maxDataPoints: 1_440 } },
  );
  const told = async ({ keys }: EmailQueue) => {
    const events = await redis.xrange(`${keys.bull}events`, '-', '+');
    return events.map(([, fields]) => fields).find((fields) => fields.includes(place));
  };
  await eventually(async () => expect(await told(theirs)).toBeDefined());
  await worker.close();
  const words = { '"sent"': JSON.stringify(result), refused: result } as Record<string, string>;
  expect((await told(queue))?.map((field) => words[field] ?? field)).toEqual(await told(theirs));
  const { meta, ...points } = await queue.bull.getMetrics(place);
  const bullmq = await theirs.bull.getMetrics(place);
  expect(points).toEqual({ data: bullmq.data, count: bullmq.count });
  expect(meta).toEqual({ ...bullmq.meta, prevTS: expect.any(Number) as number });
});

test('the stream of events stays bounded, and one that is spoilt spoils no end', async () => {
  const events = `${queue.keys.bull}events`;
  const pipeline = redis.pipeline();
  for (let n = 0; n < 5 * EVENTS_KEPT; n++) pipeline.xadd(events, '*', 'event', 'completed');
  await pipeline.exec();
  const endOne = async (id: string) => {
    await add(id);
    const { email } = await takeEmail(redis, queue, id);
    if (email === undefined) throw new Error('there is no email');
    await endEmail(redis, email, { place: 'completed', result: '""', now: 1, removeAt: 2, telling: 'told' });
  };
  await endOne('m_1');
  expect(await redis.xlen(events)).toBeLessThan(1.2 * EVENTS_KEPT);
  for (const key of [events, `${queue.keys.bull}metrics:completed`]) await redis.set(key, 'spoilt');
  await endOne('m_2');
  expect(await queue.bull.getJobCounts()).toMatchObject({ active: 0, completed: 2 });
});

test('a repetition of the add changes nothing of an email that is there', async () => {
  const before = await add('m_1', { to: [{ address: 'ann@example.org' }] });
  const after = { ...before, rev: 2, to: [{ address: 'bob@example.org' }] };
  await correctEmail(redis, queue, 'm_1', { before, after, priority: 10, line, now: Date.now() });
  expect(await take()).toBe('m_1');
  const indexes = async () => [
    await redis.zrange(queue.keys.byAddress, 0, '-1'),
    await redis.zrange(queue.keys.upkeep, 0, '-1', 'WITHSCORES'),
  ];
  const known = await indexes();
  await add('m_1', { to: [{ address: 'ann@example.org' }] });
  expect(await indexes()).toEqual(known);
});

const theirQueue = (): EmailQueue =>
  createQueues({ redis, waits: true }).open({ tenant: 'bare', application: `app-${count++}` });

test('emails are taken in the order in which BullMQ would have given them, those that became due among them', async () => {
  const theirs = theirQueue();
  // What was for later is due by now.
  const acceptedAt = Date.now() - 1_000;
  const later = (ms: number) => new Date(acceptedAt + ms).toISOString();
  for (const [id, priority, delay] of [
    ['m_1', 'low', 0],
    ['m_2', 'normal', 0],
    ['m_3', 'high', 0],
    ['m_4', 'normal', 20],
    ['m_5', 'high', 10],
    ['m_6', 'low', 30],
    ['m_7', 'normal', 0],
    ['m_8', 'high', 0],
    ['m_9', 'high', 3_600_000],
  ] as const) {
    const email = aStoredEmail(delay > 0 ? { sendAt: later(delay) } : {});
    await createEnqueue({ redis, schedule: createSchedule(redis) }).add(queue, [{ id, email, acceptedAt, priority }]);
    const options = { jobId: id, timestamp: acceptedAt, delay, priority: BULL_PRIORITY[priority] };
    await theirs.bull.add('email', email, options);
  }
  const mine: (string | undefined)[] = [];
  const given: (string | undefined)[] = [];
  let last;
  for (let turn = 0; turn < 9; turn++) {
    last = await takeEmail(redis, queue, `t-${turn}`);
    mine.push(last.email?.id);
    const [job, id] = (await theirs.backend.moveToActive(`t-${turn}`, 'test')) as [unknown, string];
    given.push(job ? id : undefined);
  }
  expect(mine).toEqual(given);
  expect(mine.slice(0, 8)).not.toContain(undefined);
  expect(last).toEqual({ email: undefined, nextDelayedAt: acceptedAt + 3_600_000 });
  expect(await queue.bull.getJobCounts()).toEqual(await theirs.bull.getJobCounts());
  expect(await redis.get(queue.keys.lock('m_1'))).toMatch(/^t-/);
  expect(await redis.pttl(queue.keys.lock('m_1'))).toBeGreaterThan(9_000);
  expect(await redis.exists(`${queue.keys.bull}pc`)).toBe(0);
});

test('a paused queue and one at its bound of active emails give nothing, as with BullMQ', async () => {
  for (const id of ['m_1', 'm_2', 'm_3', 'm_4']) await add(id);
  const takeNow = () => takeEmail(redis, queue, `t-${count++}`);
  const nothing = { email: undefined, nextDelayedAt: 0 };
  await queue.bull.pause();
  expect(await takeNow()).toEqual(nothing);
  await queue.bull.resume();
  expect([(await takeNow()).email?.id, (await takeNow()).email?.id]).toEqual(['m_1', 'm_2']);
  await queue.bull.setGlobalConcurrency(2);
  expect(await takeNow()).toEqual(nothing);
  await queue.bull.setGlobalConcurrency(3);
  expect((await takeNow()).email?.id).toBe('m_3');
});

test('what has ended and is not kept leaves nothing, and only who has the email ends it', async () => {
  await add('m_1');
  const { email: lease } = await takeEmail(redis, queue, 'mine');
  if (lease === undefined) throw new Error('there is no email');
  await queue.backend.addLog('m_1', 'a line');
  const end = { place: 'completed', result: '""', now: Date.now() } as const;
  await expect(endEmail(redis, { ...lease, token: 'other' }, end)).rejects.toThrow('was lost');
  expect(await redis.exists(queue.keys.job('m_1'))).toBe(1);
  await endEmail(redis, lease, end);
  expect(await redis.keys(`${queue.keys.bull}m_1*`)).toEqual([]);
  expect(await queue.bull.getJobCounts()).toMatchObject({ active: 0, completed: 0 });
});

test.each(LAYOUT)('a %s email is put aside: BullMQ counts it as failed and gives it to nobody', async (_name, more) => {
  await add('m_1', more);
  expect(await aside('m_1')).toBeUndefined();
  expect(await queue.bull.getJobCounts()).toMatchObject({ failed: 1, waiting: 0, prioritized: 0, delayed: 0 });
  expect(await (await queue.bull.getJob('m_1'))?.getState()).toBe('failed');
  expect(await take()).toBeUndefined();
  expect(await aside('m_1')).toBe('wrong-state');
  expect(await aside('m_1', 'anywhere')).toBeUndefined();
});

test.each(LAYOUT)(
  'a %s email that was put aside is released and taken by BullMQ, with attempts anew',
  async (_name, more) => {
    const stored = await add('m_1', more);
    await redis.hset(queue.keys.job('m_1'), 'atm', 7, 'stc', 5);
    await aside('m_1');
    expect(await back('m_1', stored)).toBeUndefined();
    const job = await queue.bull.getJob('m_1');
    expect(job).toMatchObject({ attemptsMade: 0, stalledCounter: 0 });
    expect(job?.finishedOn).toBeUndefined();
    expect(await take()).toBe('m_1');
    expect(await back('m_1', stored)).toBe('sent');
  },
);

test('of two people who decide differently one is refused, whoever read the email before the other', async () => {
  const stored = await add('m_1');
  const failed = { failure: { code: 'refused', text: 'by a test' }, now: 1, keepUntil: 2, from: 'uncertain' } as const;
  const canceled = { ...failed, failure: { code: 'canceled', text: 'by a test' }, from: 'anywhere' } as const;
  // Neither waiting nor held: only what is uncertain is resolved as failed.
  expect(await withdraw(redis, queue, 'm_1', failed)).toBe('wrong-state');
  await aside('m_1');
  expect(await withdraw(redis, queue, 'm_1', failed)).toBe('wrong-state');
  const uncertain = { ...canceled, failure: { code: 'uncertain', text: 'by a test' } } as const;
  expect(await withdraw(redis, queue, 'm_1', uncertain)).toBeUndefined();
  expect(await withdraw(redis, queue, 'm_1', failed)).toBeUndefined();
  // Canceled is for good, also for whoever saw it before.
  expect(await withdraw(redis, queue, 'm_1', canceled)).toBeUndefined();
  expect(await back('m_1', stored)).toBe('wrong-state');
  expect(await queue.bull.getJobCounts()).toMatchObject({ failed: 1, waiting: 0, prioritized: 0, delayed: 0 });
});

test('a release for later waits, and of two releases one is made', async () => {
  const stored = await add('m_1');
  await aside('m_1');
  const due = Date.now() + 60_000;
  const both = await Promise.all([back('m_1', stored, due), back('m_1', stored, due)]);
  expect(both.filter((refusal) => refusal === undefined)).toHaveLength(1);
  expect(await queue.bull.getJobCounts()).toMatchObject({ delayed: 1, failed: 0 });
  const [record] = await readRecords(redis, queue, ['m_1']);
  expect(record?.nextAttemptAt).toBe(due);
  expect(await take()).toBeUndefined();
});

test('emails keep the order of their priorities through corrections', async () => {
  const low = await add('m_low', { priority: 'low' });
  await add('m_normal');
  await add('m_high', { priority: 'high' });
  const raised = { ...low, rev: 2, priority: 'high' as const };
  expect(
    await correctEmail(redis, queue, 'm_low', { before: low, after: raised, priority: 0, line, now: Date.now() }),
  ).toBeUndefined();
  expect([await take(), await take(), await take(), await take()]).toEqual(['m_high', 'm_low', 'm_normal', undefined]);
});

test('a correction moves an email in time, and is refused to whoever read an older version', async () => {
  const first = await add('m_1', { sendAt: '2034-01-01T00:00:00.000Z' });
  const second = { ...first, rev: 2, sendAt: '2020-01-01T00:00:00.000Z' };
  const change = { before: first, after: second, priority: 10, line, now: Date.now(), due: Date.now() };
  expect(await correctEmail(redis, queue, 'm_1', change)).toBeUndefined();
  expect(await correctEmail(redis, queue, 'm_1', change)).toBe('changed');
  expect(await take()).toBe('m_1');
  expect(await correctEmail(redis, queue, 'm_1', { ...change, before: second })).toBe('sent');
});

test('an email in work is left alone by every transition, also when its lock ran out', async () => {
  const stored = await add('m_1');
  const taken = await takeEmail(redis, queue, 'mine');
  for (const locked of [true, false]) {
    if (!locked) await redis.del(queue.keys.lock('m_1'));
    expect(await aside('m_1')).toBe('sending');
    expect(await back('m_1', stored)).toBe('sending');
    expect(await removeJob(redis, queue, 'm_1', AT)).toBe('sending');
    const change = { before: stored, after: stored, priority: 10, line, now: Date.now() };
    expect(await correctEmail(redis, queue, 'm_1', change)).toBe('sending');
  }
  await redis.set(queue.keys.lock('m_1'), 'mine');
  if (taken.email !== undefined) await giveBack(taken.email);
  expect(await take()).toBe('m_1');
});

test('more than two thousand in a state are counted as what they are', async () => {
  const acceptedAt = Date.now();
  const batch = Array.from({ length: 2_100 }, (_, n) => ({
    id: `m_${String(n).padStart(4, '0')}`,
    email: aStoredEmail(n % 2 === 0 ? { sendAt: '2034-01-01T00:00:00.000Z' } : {}),
    acceptedAt,
    priority: 'normal' as const,
  }));
  await createEnqueue({ redis, schedule: createSchedule(redis) }).add(queue, batch);
  const counts = async () => (await readStatus(redis, queue, Date.now())).counts;
  expect(await counts()).toMatchObject({ scheduled: 1_050, queued: 1_050 });
  await Promise.all(batch.map(({ id }) => aside(id)));
  expect(await counts()).toMatchObject({ scheduled: 0, queued: 0, held: 2_100, failed: 0 });
});

test.each(LAYOUT)('a %s email is removed without a trace in BullMQ', async (_name, more) => {
  await add('m_1', more);
  expect(await removeJob(redis, queue, 'm_1', AT)).toBeUndefined();
  expect(await queue.bull.getJobCounts()).toMatchObject({ failed: 0, waiting: 0, prioritized: 0, delayed: 0 });
  expect(await redis.keys(`${queue.keys.bull}m_1*`)).toEqual([]);
  expect(await removeJob(redis, queue, 'm_1', AT)).toBe('missing');
});

test('an intent is taken away by whoever wrote it, and by nobody who lost the email meanwhile', async () => {
  await add('m_intent');
  const { email: lease } = await takeEmail(redis, queue, 'b:0');
  expect(lease?.id).toBe('m_intent');
  await markIntent(redis, queue, { id: 'm_intent', token: 'b:0' }, 2_000);
  const done = { accepted: [], refused: [] };
  // A worker that was frozen at RCPT, or in its own message, and wakes up.
  await clearIntent(redis, queue, 'm_intent', { generation: 0, intentAt: 1_000 });
  await markDone(redis, queue, 'm_intent', { generation: 0, intentAt: 1_000, done });
  await markDone(redis, queue, 'm_intent', { generation: 0, intentAt: undefined, done });
  expect((await readMarks(redis, queue, 'm_intent')).intentAt).toBe(2_000);
  await clearIntent(redis, queue, 'm_intent', { generation: 0, intentAt: 2_000 });
  const cleared = await readMarks(redis, queue, 'm_intent');
  expect([cleared.intentAt, cleared.handedOver]).toEqual([undefined, true]);
  await markIntent(redis, queue, { id: 'm_intent', token: 'b:0' }, 3_000);
  await markSent(redis, queue, 'm_intent', { at: 3_001, replies: [] });
  expect(await readMarks(redis, queue, 'm_intent')).toMatchObject({ sent: { at: 3_001 } });
  expect((await readMarks(redis, queue, 'm_intent')).intentAt).toBeUndefined();
});

test('the time of expiry is known to the sweep, also where it looked between the announcement and the entry', async () => {
  const schedule = createSchedule(redis);
  let announced = 0;
  const swept: Schedule = {
    ...schedule,
    async announce(name, at, upkeepAt) {
      await schedule.announce(name, at, upkeepAt);
      // As apps/worker/upkeep/sweep.ts does, which finds no entry yet.
      if (announced++ === 0) await redis.zrem(KEYS.upkeep, name);
    },
  };
  const accepted = { id: 'm_swept', email: aStoredEmail(), acceptedAt: Date.now(), priority: 'normal' as const };
  await createEnqueue({ redis, schedule: swept }).add(queue, [accepted]);
  expect(await redis.zscore(KEYS.upkeep, queue.name)).toBe(String(Date.parse('2035-01-01T00:00:00.000Z')));
});
