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
  /** How many workers hear the calls. */
  listeners(): Promise<number>;
  /** When the next queue that is not yet due will be, or undefined. */
  nextAfter(now: number): Promise<number | undefined>;
  /**
   * After a look at a queue: when to look again.
   * @param instead only where the queue is still announced for this time (ms): nobody has announced it for another since
   */
  lookAgain(queue: string, at: number, instead?: number): Promise<void>;
  /** Nothing is to be done there; with `announcedFor` only where nobody has announced it for another time since. */
  forget(queue: string, announcedFor?: number): Promise<void>;
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

// KEYS: due (or upkeep). ARGV: queue, the new time or '' to take it away, the time that it must have or ''. Result: 1 where it was
// replaced. Atomic, so that an announcement that came meanwhile stays.
export const replaceTime = defineScript(`
if ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[3] then return 0 end
if ARGV[2] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
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
  async listeners() {
    const [, count] = (await redis.call('PUBSUB', 'NUMSUB', CHANNELS.wake)) as [string, number];
    return Number(count);
  },
  async nextAfter(now) {
    const [, score] = await redis.zrangebyscore(KEYS.due, `(${now}`, '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
    return score === undefined ? undefined : Number(score);
  },
  async lookAgain(queue, at, instead) {
    await replaceTime(redis, [KEYS.due], [queue, Math.floor(at), instead ?? '']);
  },
  async forget(queue, announcedFor) {
    await replaceTime(redis, [KEYS.due], [queue, '', announcedFor ?? '']);
  },
});

/** Reads a message of the wake channel. */
export const parseWake = (message: string): { queue: string; at: number } => {
  const space = message.lastIndexOf(' ');
  return { queue: message.slice(0, space), at: Number(message.slice(space + 1)) };
};
