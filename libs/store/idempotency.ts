// Remembers requests by their idempotency key, before the email is added: a repetition finds the first result.
import { createHash } from 'node:crypto';
import type { QueueKeys } from './keys';
import type { Redis } from './redis';
import { defineScript } from './script';

export interface Remembered {
  /** Of the request's body, to tell a repetition from another use of the key. */
  bodyHash: string;
  id: string;
  /** ms since 1970 */
  acceptedAt: number;
  /** What was answered, as JSON. */
  answer: string;
  /** Redis has the email; else the first request may have died between claim and add. */
  done: boolean;
}

/** Idempotency keys hold for a day (api.md). */
const KEPT_MS = 24 * 3_600_000;

export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/** JSON with sorted keys: two bodies that say the same have the same. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
};

export const hashBody = (body: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(canonical(body)))
    .digest('hex');

// KEYS: the record. ARGV: body hash, id, accepted at, answer, ms to keep. Result: {} where the claim is ours, else the
// fields of the earlier one. Atomic, so that of fifty at once one wins.
const claim = defineScript(`
local fields = redis.call('HMGET', KEYS[1], 'bodyHash', 'id', 'acceptedAt', 'answer', 'done')
if fields[1] then return fields end
redis.call('HSET', KEYS[1], 'bodyHash', ARGV[1], 'id', ARGV[2], 'acceptedAt', ARGV[3], 'answer', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {}`);

const toRemembered = (fields: (string | null)[]): Remembered | undefined => {
  const [bodyHash, id, acceptedAt, answer, done] = fields;
  if (!bodyHash || !id || !answer) return undefined;
  return { bodyHash, id, acceptedAt: Number(acceptedAt), answer, done: done === '1' };
};

/** @returns what an earlier request left */
export const recall = async (redis: Redis, keys: QueueKeys, keyHash: string): Promise<Remembered | undefined> =>
  toRemembered(await redis.hmget(keys.idempotency(keyHash), 'bodyHash', 'id', 'acceptedAt', 'answer', 'done'));

/** Claims a key. @returns undefined where it is ours now, else the earlier claim */
export const claimKey = async (
  redis: Redis,
  keys: QueueKeys,
  keyHash: string,
  first: Omit<Remembered, 'done'>,
): Promise<Remembered | undefined> =>
  toRemembered(
    (await claim(
      redis,
      [keys.idempotency(keyHash)],
      [first.bodyHash, first.id, first.acceptedAt, first.answer, KEPT_MS],
    )) as (string | null)[],
  );

/** Redis has the email: a repetition need not look after it any more. */
export const confirmKey = async (redis: Redis, keys: QueueKeys, keyHash: string): Promise<void> => {
  await redis.hset(keys.idempotency(keyHash), 'done', '1');
};
