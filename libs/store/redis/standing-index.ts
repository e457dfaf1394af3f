// Which queues may be paused and which transports may be down: two sorted sets of the installation, so that nobody asks them all.
//
// As with the upkeep index (upkeep-index.ts) the index and what it tells of lie in different slots and cannot be written at once.
// Whoever pauses a queue says so before; a transport is named after it went down, and again at each probe that fails. Whoever reads
// takes out what is not so, unless it was said a moment ago: the change may still be under way.
import { KEYS } from './keys';
import type { Redis } from './redis';
import { replaceTime } from './replace-time';
import { defineScript } from './script';

const INDEX = { paused: KEYS.paused, down: KEYS.down } as const;
/** A change that was announced is made within this, ms. */
const UNDER_WAY_MS = 60_000;

// KEYS: the index. ARGV: name. Result: 1. By Redis' own clock, which whoever takes out compares with.
const say = defineScript(`
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'GT', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1`);

/**
 * @param kind a queue that is paused, or a transport that is down
 * @param name `tenant.application`, or `tenant/transport`
 */
export const announceStanding = async (redis: Redis, kind: keyof typeof INDEX, name: string): Promise<void> => {
  await say(redis, [INDEX[kind]], [name]);
};

/**
 * @param most names that are looked at, those said last first
 * @param isSo looks at one; undefined where it is paused, or down, no more
 * @param now ms since 1970, by Redis' clock
 */
export const readStanding = async <T>(
  redis: Redis,
  kind: keyof typeof INDEX,
  { most, now }: { most: number; now: number },
  isSo: (name: string) => Promise<T | undefined>,
): Promise<T[]> => {
  const found = await redis.zrange(INDEX[kind], 0, String(most - 1), 'REV', 'WITHSCORES');
  const names = found.flatMap((name, index) => (index % 2 === 0 ? [{ name, score: found[index + 1] ?? '' }] : []));
  const read = await Promise.all(names.map(({ name }) => isSo(name)));
  await Promise.all(
    names
      .filter(({ score }, index) => read[index] === undefined && Number(score) < now - UNDER_WAY_MS)
      .map(({ name, score }) => replaceTime(redis, [INDEX[kind]], [name, '', score])),
  );
  return read.flatMap((one) => (one === undefined ? [] : [one]));
};
