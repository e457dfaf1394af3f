// Which queues may hold something: one sorted set for the installation, so that nobody has to ask them all.
//
// As with the upkeep index (libs/store/redis/upkeep-index.ts) the two cannot be written at once: who brings it about says so
// before. A process says it again every few minutes at most; what was not said for much longer, and holds nothing, is taken out. So
// nobody takes out what somebody relies on having said.
import { parseQueueName, type QueueAddress } from '../../mail/address/queue-address';
import { uptime } from '../../runtime/clock';
import { queueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
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

export interface QueueIndex {
  /** To be called before the queue gets what the index is of. @throws what Redis says against it */
  announce: (redis: Redis, queue: EmailQueue) => Promise<void>;
  /** The queues that may hold some. */
  queues: (redis: Redis) => Promise<QueueAddress[]>;
  /**
   * Takes out queues that hold none and have not held any for a while.
   * @param now ms since 1970, by Redis' clock
   */
  dropIdle: (redis: Redis, now: number) => Promise<void>;
}

/**
 * @param key of the index
 * @param beside the key of a queue that is there while it holds some (`BESIDE`)
 */
export const createQueueIndex = (key: string, beside: string): QueueIndex => {
  /** When this process said so last, by its uptime in ms. */
  const said = new WeakMap<EmailQueue, number>();
  return {
    async announce(redis, queue) {
      const now = uptime();
      if (now < (said.get(queue) ?? -Infinity) + SAID_AGAIN_MS) return;
      await say(redis, [key], [queue.name]);
      said.set(queue, now);
    },
    queues: async (redis) => (await redis.zrange(key, 0, '-1')).flatMap((name) => parseQueueName(name) ?? []),
    async dropIdle(redis, now) {
      const found = await redis.zrangebyscore(key, '-inf', now - DROPPED_MS, 'WITHSCORES');
      for (let index = 0; index < found.length; index += 2) {
        const [name = '', score = ''] = found.slice(index, index + 2);
        const address = parseQueueName(name);
        if (address !== undefined && (await redis.exists(queueKeys(address).bull + beside)) === 1) continue;
        await replaceTime(redis, [key], [name, '', score]);
      }
    },
  };
};
