// How far the installation has come, as Redis has it (libs/events/epoch/epoch.ts).
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

// KEYS: the epoch. ARGV: as it was read, or ''; the next one. Result: 1, or 0 where another one stands there. Atomic: a Redis
// whose data were replaced since must not get the epoch of those before.
const replace = defineScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

/** As it was written, and whether there is anything else of an installation. */
export const readRedisEpoch = async (redis: Redis): Promise<{ text: string | undefined; isEmpty: boolean }> => {
  const [text, tenants] = await Promise.all([redis.get(KEYS.epoch), redis.exists(KEYS.tenants)]);
  return { text: text ?? undefined, isEmpty: tenants === 0 };
};

/** @returns whether it was as it was read, and is the next one now */
export const replaceRedisEpoch = async (redis: Redis, before: string | undefined, next: string): Promise<boolean> =>
  (await replace(redis, [KEYS.epoch], [before ?? '', next])) === 1;
