// The watch over the states of emails sees every change, in order, also what no poll would; and says which one does not exist.
import { createSchedule } from '../../../libs/jobs/layout/schedule';
import { createQueues, type EmailQueue } from '../../../libs/jobs/layout/queues';
import { createEnqueue } from '../../../libs/intake/enqueue';
import { endEmail } from '../../../libs/jobs/transitions/end';
import { takeEmail } from '../../../libs/jobs/transitions/lease';
import { postponeEmail } from '../../../libs/jobs/transitions/postpone';
import { withdraw } from '../../../libs/jobs/transitions/withdraw';
import { TRANSITIONS } from '../../../libs/mail/email/state';
import { aStoredEmail, useBareRedis } from '../redis/bare-redis';
import { watchLives } from './life-watch';

const bare = useBareRedis();
const ID = 'm_0123456789abcdefghijklmnop';
let queue: EmailQueue;
let count = 0;

beforeEach(async () => {
  queue = createQueues({ redis: bare.redis, waits: true }).open({ tenant: 'acme', application: `app-${count++}` });
  const accepted = { id: ID, email: aStoredEmail(), acceptedAt: Date.now(), priority: 'normal' as const };
  await createEnqueue({ redis: bare.redis, schedule: createSchedule(bare.redis) }).add(queue, [accepted]);
});

const take = async () => {
  const { email } = await takeEmail(bare.redis, queue, `token-${count++}`);
  if (email === undefined) throw new Error('there is no email to take');
  return email;
};
/** An attempt failed, the next one begins and ends well. */
const twoAttempts = async (): Promise<void> => {
  const now = Date.now();
  await postponeEmail(bare.redis, await take(), {
    now: now - 2,
    nextAt: now - 1,
    because: { code: 'refused', text: 'later' },
  });
  await endEmail(bare.redis, await take(), { place: 'completed', result: '""', now, removeAt: now + 1e6 });
};

test('each state that an email goes through is seen, also those within one script', async () => {
  const watch = watchLives(bare.folder);
  await twoAttempts();
  // What is due goes into line and to a worker in one step of Redis.
  const seen = [...(await watch.seen())];
  expect(seen).toEqual([
    'new -> queued',
    'queued -> sending',
    'sending -> deferred',
    'deferred -> queued',
    'sending -> sent',
  ]);
  await watch.end();
});

test('a change that the table does not have is told: the email, from where, to where, when, by which commands', async () => {
  const watch = watchLives(bare.folder);
  const { bull } = queue.keys;
  await bare.redis.multi().zrem(`${bull}prioritized`, ID).zadd(`${bull}completed`, 1, ID).exec();
  // Already back when anybody looks.
  await bare.redis.multi().zrem(`${bull}completed`, ID).zadd(`${bull}prioritized`, 1, ID).exec();
  await expect(watch.check()).rejects.toThrow(
    new RegExp(
      `: 2\\n${ID} in ${queue.name} went from queued to sent \\(20.*Z, by ZREM ZADD\\)\\n${ID} in .* from sent to queued`,
    ),
  );
  // Told once.
  await watch.end();
});

test('a table without one of its changes fails where that change happens', async () => {
  const without = (from: string, to: string) =>
    watchLives(
      bare.folder,
      TRANSITIONS.filter((row) => row[0] !== from || row[2] !== to),
    );
  // What other tests of this file did to this Redis is seen from the beginning, too.
  const [untouched, lacking] = [without('queued', 'held'), without('deferred', 'queued')];
  await untouched.check().catch(() => undefined);
  await lacking.check().catch(() => undefined);
  await twoAttempts();
  await untouched.end();
  await expect(lacking.end()).rejects.toThrow('went from deferred to queued');
});

test('what is erased while it is watched, and what comes again under its id, is another email', async () => {
  const watch = watchLives(bare.folder);
  await watch.check().catch(() => undefined);
  const now = Date.now();
  const failure = { code: 'held', text: 'by a test' } as const;
  await withdraw(bare.redis, queue, ID, { failure, now, keepUntil: now + 1e6, from: 'send-queue' });
  await bare.redis.del(queue.keys.job(ID));
  expect([...(await watch.seen())]).toEqual(expect.arrayContaining(['queued -> held', 'held -> gone']));
  await watch.end();
});
