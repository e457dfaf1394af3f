// Tells the fleet which queue has work and when: one sorted set for the installation, and a call for those asleep.
import { CHANNELS, KEYS } from '../store/keys';
import type { Redis } from '../store/redis';
import { defineScript } from '../store/script';

/** Due whatever the clocks say: those of the API and of the workers may differ. */
export const AT_ONCE = 0;

export interface Due {
  /**
   * This queue has work at `at` (ms since 1970, or `AT_ONCE`). Whoever adds calls it before, so that a crash in between leaves a queue that is
   * looked at for nothing, not one that nobody looks at; and again after, because a worker that found it empty meanwhile
   * took the first announcement away.
   * @param upkeepAt when its earliest email expires or has to go, where that is known to have changed
   */
  announce(queue: string, at: number, upkeepAt?: number): Promise<void>;
  /** Will a worker look at this queue at `at` (ms), or before? */
  isAnnounced(queue: string, at: number): Promise<boolean>;
  /** Queues that are due, the longest first. */
  dueNow(now: number, most: number): Promise<string[]>;
  /** When the next queue that is not yet due will be, or undefined. */
  nextAfter(now: number): Promise<number | undefined>;
  /** After a look at a queue: when to look again, or undefined for never. */
  lookAgain(queue: string, at: number | undefined): Promise<void>;
}

// KEYS: due, upkeep. ARGV: queue, when due, channel, when upkeep is due or ''. Result: 1 where the queue became due
// earlier than known. Atomic, so that a call goes out exactly when the set changed.
const announce = defineScript(`
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[2], 'LT', ARGV[4], ARGV[1]) end
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) <= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[1] .. ' ' .. ARGV[2])
return 1`);

export const createDue = (redis: Redis): Due => ({
  async announce(queue, at, upkeepAt) {
    await announce(redis, [KEYS.due, KEYS.upkeep], [queue, Math.floor(at), CHANNELS.wake, upkeepAt ?? '']);
  },
  async isAnnounced(queue, at) {
    const score = await redis.zscore(KEYS.due, queue);
    // A queue with emails in work is looked at every few seconds: its announcement may be a little ahead.
    return score !== null && Number(score) <= at + 10_000;
  },
  dueNow: (now, most) => redis.zrangebyscore(KEYS.due, '-inf', now, 'LIMIT', 0, most),
  async nextAfter(now) {
    const [, score] = await redis.zrangebyscore(KEYS.due, `(${now}`, '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
    return score === undefined ? undefined : Number(score);
  },
  async lookAgain(queue, at) {
    if (at === undefined) await redis.zrem(KEYS.due, queue);
    else await redis.zadd(KEYS.due, Math.floor(at), queue);
  },
});

/** Reads a message of the wake channel. */
export const parseWake = (message: string): { queue: string; at: number } => {
  const space = message.lastIndexOf(' ');
  return { queue: message.slice(0, space), at: Number(message.slice(space + 1)) };
};
