// Which queues may hold emails with a cause: one sorted set for the installation, so that nobody has to ask them all.
//
// As with the upkeep index (libs/store/redis/upkeep-index.ts) the two cannot be written at once: who brings a cause about says so
// before. A process says it again every few minutes at most; what was not said for much longer, and holds none, is taken out. So
// nobody takes out what somebody relies on having said.
import { parseQueueName, type QueueAddress } from '../../mail/address/queue-address';
import { BESIDE, KEYS, queueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { uptime } from '../../runtime/clock';
import { replaceTime } from '../../store/redis/replace-time';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';

const SAID_AGAIN_MS = 5 * 60_000;
const DROPPED_MS = 60 * 60_000;

// KEYS: the index. ARGV: queue. Result: 1. By Redis' own clock: whoever takes a queue out compares with it.
const say = defineScript(`
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'GT', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1`);

/** When this process said so last, by its uptime in ms. */
const said = new WeakMap<EmailQueue, number>();

/**
 * To be called before an email of the queue gets a cause.
 * A full Redis refuses it, and still lets an email end: the reconciler says so
 * then.
 */
export const announceCauses = async (redis: Redis, queue: EmailQueue): Promise<void> => {
  const now = uptime();
  if (now < (said.get(queue) ?? -Infinity) + SAID_AGAIN_MS) return;
  await say(redis, [KEYS.causes], [queue.name]).then(
    () => said.set(queue, now),
    () => undefined,
  );
};

/** The queues that may hold some. */
export const queuesWithCauses = async (redis: Redis): Promise<QueueAddress[]> =>
  (await redis.zrange(KEYS.causes, 0, '-1')).flatMap((name) => parseQueueName(name) ?? []);

/**
 * Takes out queues that hold none and have not held any for a while.
 * @param now ms since 1970, by Redis' clock
 */
export const dropIdleCauses = async (redis: Redis, now: number): Promise<void> => {
  const found = await redis.zrangebyscore(KEYS.causes, '-inf', now - DROPPED_MS, 'WITHSCORES');
  for (let index = 0; index < found.length; index += 2) {
    const [name = '', score = ''] = found.slice(index, index + 2);
    const address = parseQueueName(name);
    if (address !== undefined && (await redis.exists(queueKeys(address).bull + BESIDE.byCause)) === 1) continue;
    await replaceTime(redis, [KEYS.causes], [name, '', score]);
  }
};
