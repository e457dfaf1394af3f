// A queue with work is looked at again, whatever failed when it was looked at last.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from '../../dev/redis';
import { createSchedule, type Schedule } from '../../libs/jobs/layout/schedule';
import { Dispatcher } from '../../libs/dispatch/dispatcher';
import { type DispatcherDeps } from '../../libs/dispatch/dispatcher-deps';
import { createQueues, type EmailQueue, type Queues } from '../../libs/jobs/layout/queues';
import { createEnqueue } from '../../libs/intake/enqueue';
import { endEmail } from '../../libs/jobs/transitions/end';
import { systemClock } from '../../libs/runtime/clock';
import { createLog } from '../../libs/runtime/log';
import { connectRedis, whenReady, type Redis } from '../../libs/store/redis/redis';
import { aStoredEmail } from '../support/redis/bare-redis';
import { startTestRedis } from '../support/redis/test-redis';
import { eventually } from '../support/wait';

const log = createLog('test', 'silent');
/** Nothing is kept of it. */
const SENT = { place: 'completed', result: '""', now: 0 } as const;
let folder: string;
let server: RedisServer;
let redis: Redis;
let subscriber: Redis;
let queues: Queues;
let queue: EmailQueue;
let schedule: Schedule;
let fleet: Dispatcher;
let starts: number;
/** Of which queue each email was, in the order in which they were sent. */
let sent: string[];
let admit: DispatcherDeps['admit'];
let work: DispatcherDeps['work'];
/** What fails, so many times. */
let failing: { permission: number; lookAgain: number };

const failNow = (what: keyof typeof failing): void => {
  if (failing[what]-- > 0) throw new Error(`OOM command not allowed (${what}, by a test)`);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  server = await startTestRedis({ dataDir: folder });
  redis = connectRedis({ url: server.url, patience: 'wait', name: 'main', log });
  subscriber = connectRedis({ url: server.url, patience: 'wait', name: 'subscriber', log });
  await Promise.all([whenReady(redis), whenReady(subscriber)]);
});
afterAll(async () => {
  redis.disconnect();
  subscriber.disconnect();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});
const refused = () => Promise.reject(new Error('no server is asked here'));

beforeEach(async () => {
  queues = createQueues({ redis, waits: true });
  queue = queues.open({ tenant: 'acme', application: 'app' });
  schedule = createSchedule(redis);
  starts = 0;
  sent = [];
  admit = async () => ({ transport: 'default', end: () => undefined, cancel: () => undefined, refused });
  failing = { permission: 0, lookAgain: 0 };
  fleet = new Dispatcher({
    redis,
    subscriber,
    queues,
    schedule: {
      ...schedule,
      async lookAgain(...given) {
        failNow('lookAgain');
        await schedule.lookAgain(...given);
      },
    },
    clock: systemClock,
    log,
    concurrency: 2,
    waiting: 20,
    maxOpen: 10,
    attemptMs: 60_000,
    replica: 'test',
    async permission() {
      failNow('permission');
      return { enabled: true, concurrency: 5, transport: 'default' };
    },
    admit: (address) => admit(address),
    onRecovered: () => undefined,
    work: (lease, admission) => work(lease, admission).finally(admission.end),
  });
  fleet.start();
  // It sleeps until somebody calls.
  await eventually(async () =>
    expect(await redis.call('PUBSUB', 'NUMSUB', 'rohrpost:wake')).toEqual(['rohrpost:wake', 1]),
  );
});
afterEach(async () => {
  await fleet.stop(1_000);
  await redis.flushall();
});

const email = aStoredEmail();
const add = (to: EmailQueue, count: number): Promise<void> => {
  const emails = Array.from({ length: count }, (_, n) => ({
    id: `m_${n}`,
    email,
    acceptedAt: Date.now(),
    priority: 'high' as const,
  }));
  return createEnqueue({ redis, schedule }).add(to, emails);
};

test.each(['permission', 'lookAgain'] as const)('%s failed once', async (what) => {
  failing[what] = 1;
  // The first time for now, then sent.
  work = async (lease) => {
    starts++;
    if (starts > 1) await endEmail(redis, lease, SENT);
    else await queue.backend.moveToDelayed(lease.id, Date.now(), 100, lease.token, { skipAttempt: true });
  };
  await add(queue, 1);
  await eventually(() => expect(starts).toBe(2));
  expect(failing[what]).toBeLessThan(1);
});

test('who waits for a connection is called when one is free, in the order of asking', async () => {
  const most = 2;
  let used = 0;
  admit = async () => {
    if (used === most) return { until: Date.now() + 3_600_000, full: 'default' };
    used++;
    const end = (): void => void used--;
    return { transport: 'default', end, cancel: end, refused };
  };
  work = async (lease) => {
    await endEmail(redis, lease, SENT);
    sent.push(lease.queue.name);
  };
  const other = queues.open({ tenant: 'acme', application: 'other' });
  await Promise.all([add(queue, 40), add(other, 5)]);
  await eventually(() => expect(sent).toHaveLength(45));
  expect(sent.lastIndexOf(other.name)).toBeLessThan(40);
  expect(used).toBe(0);
});
