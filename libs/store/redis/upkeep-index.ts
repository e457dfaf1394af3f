// The upkeep index: when the sweep looks at a queue next. One entry a queue, in one sorted set of the installation.
//
// Every email that expires, or has to go, has an entry in a sorted set of its own queue (`upkeep` and `finished` in keys.ts; an
// upload in `uploads`), written by the same script as the change that needs it. This index says which queues have such an entry
// due, so that the sweep need not ask them all. The two are keys of different slots and cannot be written at once, so all who
// write this index keep to one order:
//
// 1. Announce first, then change. Where the process dies between the two, the sweep comes for nothing, which is harmless; the
//    other way round an email would stay for ever. Accepting emails announces once more afterwards (libs/jobs/layout/schedule.ts,
//    in the same call that announces their work), because the sweep may have found the queue empty in between.
// 2. A time is only ever brought forward here. What is due later than the time that is known is found by the sweep itself.
// 3. Only the sweep puts a queue off or takes it out (`rescheduleUpkeep`), and never without having entered it for a later look
//    first. Where it dies, the queue is swept again.
//
// An announcement that a full Redis refuses stops the change, except at the end of an attempt (libs/dispatch/settle.ts): the
// email's expiry was announced when it was accepted, and the sweep that comes then sees what is due.
import { KEYS } from './keys';
import type { Redis } from './redis';
import { replaceTime } from './replace-time';

/**
 * The sweep comes to the queue at this time or before; called before the change that needs it is made.
 * @param at ms since 1970; a later time than the one that is known changes nothing
 */
export const announceUpkeep = async (redis: Redis, { name }: { name: string }, at: number): Promise<void> => {
  await redis.zadd(KEYS.upkeep, 'LT', at, name);
};

/** @returns names of queues with something due at `now` (ms since 1970), the longest due first */
export const queuesDue = (redis: Redis, now: number, most: number): Promise<string[]> =>
  redis.zrangebyscore(KEYS.upkeep, '-inf', now, 'LIMIT', 0, most);

/** Takes out what is the name of no queue. */
export const dropFromUpkeep = async (redis: Redis, name: string): Promise<void> => {
  await redis.zrem(KEYS.upkeep, name);
};

/**
 * After a sweep of the queue. It is never out of the index while something is in it; what is entered meanwhile is seen by the
 * second reading, or announced after it.
 * @param meanwhile ms since 1970: when the queue is swept again if this process dies here
 * @param nextDue reads when the queue's own entries are due next, ms since 1970
 */
export const rescheduleUpkeep = async (
  redis: Redis,
  name: string,
  meanwhile: number,
  nextDue: () => Promise<number | undefined>,
): Promise<void> => {
  await redis.zadd(KEYS.upkeep, meanwhile, name);
  await replaceTime(redis, [KEYS.upkeep], [name, (await nextDue()) ?? '', meanwhile]);
  const next = await nextDue();
  if (next !== undefined) await announceUpkeep(redis, { name }, next);
};
