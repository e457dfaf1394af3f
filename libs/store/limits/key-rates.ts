// How many requests a key may make in a window of time, over all replicas; those of the keys that it issued count, too.
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateOfKey } from '../../mail/settings/api-key';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';

/** What is left of one rate. */
export interface RateState extends RateOfKey {
  remaining: number;
  /** Until its window begins anew, ms. */
  resetIn: number;
}

export interface KeyRates {
  /**
   * Counts one request for each rate, up to the first that is used up.
   * @returns what is left of each that was asked
   */
  take(rates: readonly RateOfKey[]): Promise<{ states: RateState[]; allowed: boolean }>;
}

/** Rates that are remembered, not keys: many keys have the same. */
const MOST_LIMITERS = 1_000;

export const createKeyRates = ({ redis }: { redis: Redis }): KeyRates => {
  const limiters = new LRUCache<string, RateLimiterRedis>({ max: MOST_LIMITERS });

  const limiterOf = ({ max, per }: RateOfKey): RateLimiterRedis => {
    const name = `${max}/${per}`;
    const known = limiters.get(name);
    if (known !== undefined) return known;
    const counted = { points: max, duration: per / 1_000 };
    const made = new RateLimiterRedis({
      ...counted,
      storeClient: redis,
      keyPrefix: KEYS.keyRate,
      rejectIfRedisNotReady: true,
      // While Redis is away each process counts by itself.
      insuranceLimiter: new RateLimiterMemory(counted),
    });
    limiters.set(name, made);
    return made;
  };

  /** It rejects with the state where nothing is left. */
  const consume = async (rate: RateOfKey): Promise<{ state: RateLimiterRes; allowed: boolean }> => {
    try {
      return { state: await limiterOf(rate).consume(rate.key), allowed: true };
    } catch (error) {
      if (error instanceof RateLimiterRes) return { state: error, allowed: false };
      throw error;
    }
  };

  return {
    async take(rates) {
      const states: RateState[] = [];
      for (const rate of rates) {
        const { state, allowed } = await consume(rate);
        states.push({ ...rate, remaining: state.remainingPoints, resetIn: state.msBeforeNext });
        if (!allowed) return { states, allowed };
      }
      return { states, allowed: true };
    },
  };
};
