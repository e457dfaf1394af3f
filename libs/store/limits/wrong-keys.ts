// Wrong keys, counted by the network that they come from, over all replicas: guessing is slow, and nobody else is kept out.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';

export interface WrongKeys {
  /**
   * May this key be tried from this network now? One that was right from there within a day always may: behind one address there
   * may be many, and one of them may be wrong.
   * @returns undefined, or after how many ms it may
   */
  wait(network: string, key: string): Promise<number | undefined>;
  right(network: string, key: string): void;
  /** @returns after how many ms the next key may be tried; undefined for at once */
  wrong(network: string, key: string): Promise<number | undefined>;
}

/** Wrong keys from one network in a minute. */
export const MOST_WRONG = 100;
const WINDOW_S = 60;
/** How long a key that was right may be tried whatever others do. Seconds, ms. */
const RIGHT_KEPT_S = 86_400;
const RIGHT_AGAIN_MS = 3_600_000;

/** @param keyPrefix of the counters: what is tried at different doors is counted apart */
export const createWrongKeys = ({ redis }: { redis: Redis }, keyPrefix = KEYS.wrongKeys): WrongKeys => {
  const counted = { points: MOST_WRONG, duration: WINDOW_S };
  const limiter = new RateLimiterRedis({
    ...counted,
    storeClient: redis,
    keyPrefix,
    rejectIfRedisNotReady: true,
    // While Redis is away each process counts by itself.
    insuranceLimiter: new RateLimiterMemory(counted),
  });
  /** Remembered here for an hour, so that the usual request asks nobody and hashes nothing. */
  const known = new LRUCache<string, true>({ max: 10_000, ttl: RIGHT_AGAIN_MS });

  const pair = (network: string, key: string): string => `${network}\n${key}`;
  /** Neither key nor address can be read from it. */
  const inRedis = (id: string): string => KEYS.rightKey(createHash('sha256').update(id).digest('base64url'));
  const wasRight = async (id: string): Promise<boolean> => (await redis.exists(inRedis(id)).catch(() => 0)) === 1;
  const left = (ms: number): number => Math.max(ms, 1_000);

  return {
    async wait(network, key) {
      const id = pair(network, key);
      if (known.has(id)) return undefined;
      const state = await limiter.get(network);
      if (state === null || state.consumedPoints < MOST_WRONG || (await wasRight(id))) return undefined;
      return left(state.msBeforeNext);
    },
    right(network, key) {
      const id = pair(network, key);
      if (known.has(id)) return;
      known.set(id, true);
      // What cannot be remembered now is at its next request after an hour.
      redis.set(inRedis(id), '', 'EX', RIGHT_KEPT_S).catch(() => undefined);
    },
    async wrong(network, key) {
      known.delete(pair(network, key));
      const state = await limiter.penalty(network);
      return state.consumedPoints > MOST_WRONG ? left(state.msBeforeNext) : undefined;
    },
  };
};
