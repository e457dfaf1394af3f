// The registry of API keys: issued once, kept as hashes, compared in constant time.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKeyInput, Identity } from '../../mail/settings/api-key';
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/changes';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';

/** A key as it is kept: no secret in it. */
export type StoredApiKey = ApiKeyInput & { id: string; hash: string; createdAt: string };

export interface ApiKeys {
  /** The identity behind a key, or undefined: unknown, wrong, revoked or expired all look the same. */
  identify(key: string): Promise<Identity | undefined>;
  issue(input: ApiKeyInput): Promise<{ stored: StoredApiKey; key: string }>;
  list(): Promise<StoredApiKey[]>;
  revoke(id: string): Promise<boolean>;
}

const FORMAT = /^rp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

// A plain hash is enough for a random secret of 256 bits: there is nothing to guess.
const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares without telling by its time where they differ. */
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

/**
 * @param deps.operatorKey the first key, from the configuration; it is in no registry
 */
export const createApiKeys = (deps: { redis: Redis; changes: Changes; clock: Clock; operatorKey: string }): ApiKeys => {
  const { redis, changes } = deps;
  const operator = digest(deps.operatorKey);
  const nobody = digest(randomBytes(32).toString('hex'));
  const stored = changes.cached('api-key', async (id) => {
    const text = await redis.hget(KEYS.apiKeys, id);
    return text === null ? undefined : (JSON.parse(text) as StoredApiKey);
  });

  return {
    async identify(key) {
      const [, id, secret] = FORMAT.exec(key) ?? [];
      const found = id === undefined ? undefined : await stored(id);
      const matches = same(digest(secret ?? ''), found === undefined ? nobody : Buffer.from(found.hash, 'hex'));
      if (found === undefined || !matches)
        return same(digest(key), operator) ? { id: 'operator', role: 'operator' } : undefined;
      if (found.expiresAt !== undefined && Date.parse(found.expiresAt) <= deps.clock.now()) return undefined;
      const { role, name, tenant, application } = found;
      return {
        id: found.id,
        role,
        ...(name && { name }),
        ...(tenant && { tenant }),
        ...(application && { application }),
      };
    },
    async issue(input) {
      const id = randomBytes(6).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const createdAt = new Date(deps.clock.now()).toISOString();
      const record: StoredApiKey = { id, hash: digest(secret).toString('hex'), ...input, createdAt };
      await redis.hset(KEYS.apiKeys, id, JSON.stringify(record));
      await changes.announce('api-key', id);
      return { stored: record, key: `rp_${id}_${secret}` };
    },
    async list() {
      const all = await redis.hvals(KEYS.apiKeys);
      return all.map((text) => JSON.parse(text) as StoredApiKey).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    },
    async revoke(id) {
      const removed = await redis.hdel(KEYS.apiKeys, id);
      await changes.announce('api-key', id);
      return removed === 1;
    },
  };
};
