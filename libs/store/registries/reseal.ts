// Seals every stored secret with the newest key, so that older keys may go; and knows which keys are still needed.
import { KEYS } from '../redis/keys';
import { requireReady, type Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import { keyIdOf, type SecretBox } from '../redis/secret-box';
import type { Workers } from './workers';

/** Whoever keeps sealed secrets of tenants. */
export interface SealedOwner {
  /**
   * Seals those of a tenant anew that are under an older key and can be opened; a change that somebody makes meanwhile is never lost.
   * @param rewrite false: only counts
   * @returns how many records were written, and the key of each secret that is there now
   */
  reseal(tenant: string, rewrite: boolean): Promise<{ resealed: number; keys: string[] }>;
}

export interface ResealReport {
  /** Records that were written. */
  resealed: number;
  /** By key: the secrets that are sealed with it now. */
  counts: Record<string, number>;
  /** Workers that run without the newest key: nothing is sealed anew, they could not open it. */
  without: string[];
}

// KEYS: secrets by key. ARGV: key, how many, and so on. Result: 1. Atomic, so that whoever reads finds the old counts or the new ones.
const writeCounts = defineScript(`
redis.call('DEL', KEYS[1])
for index = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return 1`);

/** Tenants that are gone through at once. */
const AT_ONCE = 20;

/** A secret was sealed with a key: those who lack it are told before the next count. */
export const noteSealed = async (redis: Redis, sealed: readonly string[]): Promise<void> => {
  for (const key of new Set(sealed.map(keyIdOf))) await redis.hsetnx(KEYS.secretKeys, key, 0);
};

/** @returns a function that goes through all tenants once; undefined where it was stopped before the end */
export const createResealAll =
  (deps: { redis: Redis; secrets: SecretBox; workers: Workers; owners: readonly SealedOwner[] }) =>
  async (signal?: AbortSignal): Promise<ResealReport | undefined> => {
    const { redis, secrets, owners } = deps;
    const workers = await deps.workers.list();
    const without = workers.filter(({ secretKeys }) => !secretKeys.includes(secrets.newestKey)).map(({ id }) => id);
    const report: ResealReport = { resealed: 0, counts: {}, without };
    const tenants = await redis.hkeys(KEYS.tenants);
    for (let from = 0; from < tenants.length; from += AT_ONCE) {
      if (signal?.aborted) return undefined;
      const some = tenants.slice(from, from + AT_ONCE);
      const done = await Promise.all(
        some.flatMap((tenant) => owners.map((owner) => owner.reseal(tenant, without.length === 0))),
      );
      for (const { resealed, keys } of done) {
        report.resealed += resealed;
        for (const key of keys) report.counts[key] = (report.counts[key] ?? 0) + 1;
      }
    }
    await writeCounts(redis, [KEYS.secretKeys], Object.entries(report.counts).flat());
    return report;
  };

const usedKeys = async (redis: Redis): Promise<string[]> => {
  requireReady(redis);
  return redis.hkeys(KEYS.secretKeys);
};

/** Keys that secrets are sealed with and this process lacks. */
export interface MissingKeys {
  problems: string[];
  /** None of the keys that are needed is here: another installation's keys, or none of its own. */
  all: boolean;
}

/** @returns nothing where Redis does not answer: that is told by itself */
export const missingSecretKeys = async (redis: Redis, { keys }: Pick<SecretBox, 'keys'>): Promise<MissingKeys> => {
  const used = await usedKeys(redis).catch(() => []);
  const missing = used.filter((key) => !keys.includes(key)).sort();
  const problems = missing.map(
    (key) => `secrets are sealed with the key "${key}", which ROHRPOST_SECRET_KEYS does not hold: add it and restart`,
  );
  return { problems, all: missing.length > 0 && missing.length === used.length };
};
