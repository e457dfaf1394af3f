// What the tags of return paths are proven with: made by whoever holds the secret keys, checked also by the process that does not.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAC_DIGITS, readTag, tagPayload, TAG_LIFE_MS, type TaggedEmail } from '../../mail/reports/return-path';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import type { SecretBox, SecretKey } from '../redis/secret-box';
import type { Workers } from '../registries/workers';

/** One that was made here, of an email that was handed over lately. */
export type GoodTag = TaggedEmail & { kind: 'good'; queueName: string };
export type CheckedTag = GoodTag | { kind: 'expired' } | { kind: 'unknown' };

const PURPOSE = 'return tag';
const DIGITS = '0123456789abcdefghijklmnopqrstuv';

/** 80 bits of an HMAC, five to a digit: enough where every guess costs a dialogue. */
const proof = (key: Buffer, text: string): string => {
  const bytes = createHmac('sha256', key).update(text).digest();
  let digits = '';
  for (let bit = 0; digits.length < MAC_DIGITS; bit += 5) {
    const pair = bytes.readUInt16BE(bit >> 3);
    digits += DIGITS.charAt((pair >> (11 - (bit & 7))) & 31);
  }
  return digits;
};

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** Bound to the queue's name: numbers are given anew in another Redis. */
const tagProof = (key: Buffer, payload: string, queueName: string): string => proof(key, `tag ${payload} ${queueName}`);

/** A queue keeps its number: it is asked for once. */
const createNumbers = (redis: Redis) => {
  const known = new Map<string, Promise<string | null>>();
  const MOST = 10_000;
  return (hash: string, field: string): Promise<string | null> => {
    const id = `${hash} ${field}`;
    const found = known.get(id);
    if (found !== undefined) return found;
    if (known.size >= MOST) known.clear();
    const asked = redis.hget(hash, field);
    known.set(id, asked);
    const forget = (): void => void known.delete(id);
    asked.then((value) => value === null && forget(), forget);
    return asked;
  };
};

/** Makes tags: what a worker does at a hand-over. Asks Redis once for each queue. */
export const createTagMaker = ({ redis, secrets }: { redis: Redis; secrets: SecretBox }) => {
  const [newest] = secrets.derive(PURPOSE);
  const ask = createNumbers(redis);
  /** @returns undefined where the queue has no number, or one too large for a tag: there are 33 million */
  return async (queueName: string, id: string, now: number): Promise<string | undefined> => {
    const number = await ask(KEYS.queueNumbers, queueName);
    if (number === null || newest === undefined) return undefined;
    const payload = tagPayload({ id, queue: Number(number), at: now });
    if (payload === undefined) return undefined;
    return `${payload}${tagProof(newest.key, payload, queueName)}`;
  };
};

/** Gives the keys that prove tags at present. @param again there may be another one than were given before */
export type TagKeysNow = (again: boolean) => Promise<SecretKey[]>;

export const createTagCheck = ({ redis, keysNow }: { redis: Redis; keysNow: TagKeysNow }) => {
  const ask = createNumbers(redis);
  return async (tag: string, now: number): Promise<CheckedTag> => {
    const read = readTag(tag);
    if (read === undefined) return { kind: 'unknown' };
    const { payload, mac, id, queue, at } = read;
    const queueName = await ask(KEYS.numberedQueues, String(queue));
    if (queueName === null) return { kind: 'unknown' };
    const prover = async (again: boolean): Promise<SecretKey | undefined> =>
      (await keysNow(again)).find((one) => isSame(tagProof(one.key, payload, queueName), mac));
    const key = (await prover(false)) ?? (await prover(true));
    if (key === undefined) return { kind: 'unknown' };
    if (at + TAG_LIFE_MS < now) return { kind: 'expired' };
    return { kind: 'good', id, queue, at, queueName };
  };
};

export type TagCheck = ReturnType<typeof createTagCheck>;

/** Of a process that holds the secret keys. */
export const ownTagKeys = (secrets: SecretBox): TagKeysNow => {
  const keys = secrets.derive(PURPOSE);
  return () => Promise.resolve(keys);
};

/** How long keys that were read are taken for all that there are, ms; and where a tag has another one, which may be made up. */
const KEPT_MS = 30_000;
const AGAIN_MS = 1_000;

/** Of a process that holds none: they are read from Redis. @param now ms, of a clock that does not go back */
export const publishedTagKeys = (redis: Redis, now: () => number): TagKeysNow => {
  let read: { at: number; keys: Promise<SecretKey[]> } | undefined;
  const load = async (): Promise<SecretKey[]> =>
    Object.entries(await redis.hgetall(KEYS.tagKeys)).map(([id, key]) => ({ id, key: Buffer.from(key, 'base64url') }));
  return (again) => {
    if (read !== undefined && now() - read.at < (again ? AGAIN_MS : KEPT_MS)) return read.keys;
    const keys = load();
    const reading = { at: now(), keys };
    read = reading;
    keys.catch(() => read === reading && (read = undefined));
    return keys;
  };
};

/**
 * Gives keys to those that check tags without the secret keys (docs/decisions/0025-bounces.md): whoever reads them could make reports
 * up, and unseal nothing.
 */
export const createTagKeys = ({ redis, secrets, workers }: { redis: Redis; secrets: SecretBox; workers: Workers }) => {
  const own = secrets.derive(PURPOSE);
  /** What nobody held a pass ago: a worker that has just started may not have been heard of yet. */
  let unheld = new Set<string>();
  const publish = async (): Promise<void> => {
    await redis.hset(KEYS.tagKeys, Object.fromEntries(own.map(({ id, key }) => [id, key.toString('base64url')])));
  };
  return {
    /** Before the first email is handed over. */
    publish,
    /** The same, and takes away those of secret keys that no worker holds any more. */
    async tidy(): Promise<void> {
      await publish();
      const held = new Set([...secrets.keys, ...(await workers.list()).flatMap(({ secretKeys }) => secretKeys)]);
      const left = (await redis.hkeys(KEYS.tagKeys)).filter((id) => !held.has(id));
      const gone = left.filter((id) => unheld.has(id));
      unheld = new Set(left);
      if (gone.length > 0) await redis.hdel(KEYS.tagKeys, ...gone);
    },
  };
};
