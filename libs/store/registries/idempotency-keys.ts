// Remembers requests by their idempotency key, before the email is added: a repetition finds the first result.
import { createHash } from 'node:crypto';
import type { SecretBox } from '../redis/secret-box';
import type { QueueKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

export interface Remembered {
  /** Of the request's body, to tell a repetition from another use of the key. */
  bodyHash: string;
  id: string;
  /** ms since 1970 */
  acceptedAt: number;
  /** What was answered, as text. */
  answer: string;
  /** Redis has the email; else the first request may have died between claim and add. */
  done: boolean;
}

/** Idempotency keys hold for a day (docs/api.md). */
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

/** A hash that takes half the room: two of 128 bits are the same by chance never. */
const half = (hash: string): string => Buffer.from(hash, 'hex').subarray(0, 16).toString('base64url');

const textOf = (body: unknown): string => JSON.stringify(canonical(body));

/** @param box where the body is confidential: then nobody finds out what it was by trying */
export const hashBody = (body: unknown, box?: Pick<SecretBox, 'hash'>): string =>
  box?.hash(textOf(body)) ?? half(createHash('sha256').update(textOf(body)).digest('hex'));

/**
 * Is it the body that a hash was made of?
 * @throws SecretKeyMissing where it was confidential, and its key has gone since
 */
export const isHashOf = (bodyHash: string, body: unknown, box?: Pick<SecretBox, 'hash'>): boolean => {
  const [keyId = '', hash] = bodyHash.split('.');
  if (hash === undefined) return bodyHash === hashBody(body);
  return box !== undefined && bodyHash === box.hash(textOf(body), keyId);
};

const FIELDS_BEFORE = ['bodyHash', 'id', 'acceptedAt', 'answer', 'done'];

// KEYS: the record; that of earlier versions, a hash. ARGV: the record to claim it with or '' to look only, ms to keep, fields of
// the hash. Result: the earlier claim, as text or as those fields, or nothing. Atomic, so that of fifty at once one wins.
const claim = defineScript(`
local found = redis.call('GET', KEYS[1])
if found then return found end
local before = redis.call('HMGET', KEYS[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
if before[1] then return before end
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return false`);

// KEYS: the record. ARGV: '1'. Result: 1, or 0 where it is not there. Atomic: one whose time is over does not come back.
const confirm = defineScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SETRANGE', KEYS[1], 0, ARGV[1])
return 1`);

/** One string takes a third of a hash. Whether it is done stands first, to be changed in place. */
const SEPARATOR = '\n';

const toRemembered = (found: unknown): Remembered | undefined => {
  if (typeof found === 'string') {
    const [done, bodyHash = '', id = '', acceptedAt, ...answer] = found.split(SEPARATOR);
    return { bodyHash, id, acceptedAt: Number(acceptedAt), answer: answer.join(SEPARATOR), done: done === '1' };
  }
  if (!Array.isArray(found)) return undefined;
  const [bodyHash, id, acceptedAt, answer, done] = found as (string | null)[];
  if (!bodyHash || !id || !answer) return undefined;
  return { bodyHash: half(bodyHash), id, acceptedAt: Number(acceptedAt), answer, done: done === '1' };
};

const ask = async (redis: Redis, keys: QueueKeys, keyHash: string, record: string): Promise<Remembered | undefined> => {
  const both = [keys.idempotency(half(keyHash)), keys.idempotencyBefore(keyHash)];
  return toRemembered(await claim(redis, both, [record, KEPT_MS, ...FIELDS_BEFORE]));
};

/** @returns what an earlier request left */
export const recall = (redis: Redis, keys: QueueKeys, keyHash: string): Promise<Remembered | undefined> =>
  ask(redis, keys, keyHash, '');

/** Claims a key. @returns undefined where it is ours now, else the earlier claim */
export const claimKey = (
  redis: Redis,
  keys: QueueKeys,
  keyHash: string,
  { bodyHash, id, acceptedAt, answer }: Omit<Remembered, 'done'>,
): Promise<Remembered | undefined> =>
  ask(redis, keys, keyHash, ['0', bodyHash, id, acceptedAt, answer].join(SEPARATOR));

/** Redis has the email: a repetition need not look after it any more. */
export const confirmKey = async (redis: Redis, keys: QueueKeys, keyHash: string): Promise<void> => {
  await confirm(redis, [keys.idempotency(half(keyHash))], ['1']);
};
