// A queue with work is looked at again, whatever failed when it was looked at last.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type RedisServer } from '../../dev/redis';
import type { StoredEmail } from '../../libs/mail/stored-email';
import { createDue, type Due } from '../../libs/queue/due';
import type { Lease } from '../../libs/queue/email-worker';
import { Fleet } from '../../libs/queue/fleet';
import { createQueues, type EmailQueue } from '../../libs/queue/queues';
import { createSendQueue } from '../../libs/queue/send-queue';
import { systemClock } from '../../libs/runtime/clock';
import { createLog } from '../../libs/runtime/log';
import { connectRedis, whenReady, type Redis } from '../../libs/store/redis';
import { eventually } from '../support/wait';

const log = createLog('test', 'silent');
let folder: string;
let server: RedisServer;
let redis: Redis;
let subscriber: Redis;
let queue: EmailQueue;
let due: Due;
let fleet: Fleet;
let starts: number;
/** What fails, so many times. */
let failing: { permission: number; lookAgain: number };

const failNow = (what: keyof typeof failing): void => {
  if (failing[what]-- > 0) throw new Error(`OOM command not allowed (${what}, by a test)`);
};

/** The first time for now, then sent. */
const work = async ({ id, job, token }: Lease): Promise<void> => {
  starts++;
  if (starts > 1) await queue.backend.moveToCompleted(job, '', true, token, false);
  else await queue.backend.moveToDelayed(id, Date.now(), 100, token, { skipAttempt: true });
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  server = await startRedis({ dataDir: folder });
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
beforeEach(async () => {
  const queues = createQueues({ redis, waits: true });
  queue = queues.open({ tenant: 'acme', application: 'app' });
  due = createDue(redis);
  starts = 0;
  failing = { permission: 0, lookAgain: 0 };
  fleet = new Fleet({
    redis,
    subscriber,
    queues,
    due: {
      ...due,
      async lookAgain(...given) {
        failNow('lookAgain');
        await due.lookAgain(...given);
      },
    },
    clock: systemClock,
    log,
    concurrency: 2,
    maxOpen: 10,
    attemptMs: 60_000,
    replica: 'test',
    async permission() {
      failNow('permission');
      return { enabled: true, concurrency: 1 };
    },
    admit: async () => ({ transport: 'default', end: () => undefined, cancel: () => undefined }),
    work,
  });
  fleet.start();
  // It sleeps until somebody calls.
  await eventually(async () =>
    expect(await redis.call('PUBSUB', 'NUMSUB', 'rohrpost:wake')).toEqual(['rohrpost:wake', 1]),
  );
});
afterEach(async () => {
  await fleet.stop(Date.now() + 1_000);
  await redis.flushall();
});

test.each(['permission', 'lookAgain'] as const)('%s failed once', async (what) => {
  failing[what] = 1;
  const email: StoredEmail = {
    v: 1,
    rev: 1,
    domain: 'mail.test',
    to: [{ address: 'ann@example.org' }],
    subject: 'Hi',
    text: 'Hi',
    expiresAt: '2035-01-01T00:00:00.000Z',
  };
  await createSendQueue({ redis, due }).add(queue, [{ id: 'm_1', email, acceptedAt: Date.now(), priority: 'high' }]);
  await eventually(() => expect(starts).toBe(2));
  expect(failing[what]).toBeLessThan(1);
});
