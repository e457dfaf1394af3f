// Since when the oldest email of a queue is due that no worker has taken yet, and how many are.
import { SCORE_UNIT } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { readRecords } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

// KEYS: meta, wait, prioritized, delayed. ARGV: now, as a score of BullMQ. Result: {paused, oldest of the waiting or '', first of
// the prioritized or '', first score of the delayed or '', how many are due}. Atomic, so that an email in motion is counted once.
const peek = defineScript(`
return {redis.call('HEXISTS', KEYS[1], 'paused'), redis.call('LINDEX', KEYS[2], -1) or '',
  redis.call('ZRANGE', KEYS[3], 0, 0)[1] or '', redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2] or '',
  redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) + redis.call('ZCOUNT', KEYS[4], '-inf', ARGV[1])}`);

export interface Due {
  /** ms since 1970; of an email that was released it may be earlier than the release. */
  since: number;
  count: number;
}

/**
 * @param now ms since 1970
 * @returns undefined where none is due, or the queue is paused
 */
export const readOldestDue = async (redis: Redis, queue: EmailQueue, now: number): Promise<Due | undefined> => {
  const keys = ['meta', 'wait', 'prioritized', 'delayed'].map((type) => `${queue.keys.bull}${type}`);
  const answer = await peek(redis, keys, [(now + 1) * SCORE_UNIT]);
  const [paused, oldest, first, score, count] = answer as [number, string, string, string, number];
  if (paused === 1) return undefined;
  const ids = [oldest, first].filter((id) => id !== '');
  const records = ids.length === 0 ? [] : await readRecords(redis, queue, ids);
  const times = records.flatMap((record) => (record === undefined ? [] : [record.sendAt]));
  if (score !== '') times.push(Math.floor(Number(score) / SCORE_UNIT));
  const since = Math.min(...times);
  return since <= now ? { since, count } : undefined;
};
