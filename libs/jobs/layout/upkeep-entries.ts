// The sweep's own entries of a queue: emails by when they expire (`upkeep`), or have to go (`finished`); uploads by their end.
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from './queues';

// KEYS: upkeep, finished. ARGV: id, when it is removed (ms). Result: 1. Atomic, so that one of the two always leads to the email.
const moveToFinished = defineScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1`);

// KEYS: two sorted sets. ARGV: id. Result: 1. Atomic, so that nothing is left of an email in one of them.
const leaveBoth = defineScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`);

/** Which of the two sets of emails. */
export type UpkeepSet = 'upkeep' | 'finished';
export const UPKEEP_SETS: readonly UpkeepSet[] = ['upkeep', 'finished'];

/** @returns ids of emails whose entry is due at `now` (ms since 1970), the longest due first */
export const entriesDue = (
  redis: Redis,
  { keys }: EmailQueue,
  set: UpkeepSet,
  now: number,
  most: number,
): Promise<string[]> => redis.zrangebyscore(keys[set], '-inf', now, 'LIMIT', 0, most);

/** The email is looked at again at `at` (ms since 1970). */
export const lookAgain = async (redis: Redis, { keys }: EmailQueue, id: string, at: number): Promise<void> => {
  await redis.zadd(keys.upkeep, at, id);
};

/** A finished email is kept until `removeAt` (ms since 1970). */
export const keepUntil = async (redis: Redis, { keys }: EmailQueue, id: string, removeAt: number): Promise<void> => {
  await moveToFinished(redis, [keys.upkeep, keys.finished], [id, removeAt]);
};

/** An entry whose email is not there: its add failed. */
export const dropEntry = async (redis: Redis, { keys }: EmailQueue, set: UpkeepSet, id: string): Promise<void> => {
  await leaveBoth(redis, [keys[set], keys.byTime], [id]);
};

/** @returns when something in the queue is due next, ms since 1970; undefined where nothing is entered */
export const nextEntry = async (redis: Redis, { keys }: EmailQueue): Promise<number | undefined> => {
  const sets = [keys.upkeep, keys.finished, keys.uploads];
  const firsts = await Promise.all(sets.map((key) => redis.zrange(key, 0, '0', 'WITHSCORES')));
  const times = firsts.flatMap(([, score]) => (score === undefined ? [] : [Number(score)]));
  return times.length === 0 ? undefined : Math.min(...times);
};
