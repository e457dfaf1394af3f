// A batch: each line accepted or refused by itself; under an idempotency key of its own the whole is accepted once.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { Problem } from '../mail/input/problem';
import type { QueueAddress } from '../mail/address/queue-address';
import { emailIdAt, newEmailId } from '../jobs/layout/email-id';
import { wasAdded } from '../jobs/layout/tombstones';
import type { Clock } from '../runtime/clock';
import { claimKey, confirmKey, hashBody, hashKey, recall, type Remembered } from '../store/registries/idempotency-keys';
import { queueKeys, type QueueKeys } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import type { SecretBox } from '../store/redis/secret-box';
import { remembered, type Draft, type Request } from './draft';
import type { Receipt } from './receipt';
import { toDocument } from '../mail/input/problem-document';

/** What a client is told of one line. */
type Result =
  | { index: number; id: string; state: Receipt['state']; replayed?: true }
  | { index: number; problem: ReturnType<typeof toDocument> };

export interface BatchAnswer {
  results: Result[];
  /** It was answered before, by the same key. */
  replayed: boolean;
}

/** The batch's own idempotency key, and the body that it stands for. */
export interface BatchKey {
  key: string;
  body: unknown;
}

interface Steps {
  redis: Redis;
  clock: Clock;
  secrets: SecretBox | undefined;
  /** Are emails of the queue confidential that do not say so themselves? */
  isConfidential: (address: QueueAddress) => Promise<boolean>;
  /** Decides each line, and claims those that have keys of their own. @throws Problem `queue-full`, `content-full` */
  prepare: (address: QueueAddress, keys: QueueKeys, requests: Request[]) => Promise<(Draft | Problem)[]>;
  /** Adds what was decided; may be repeated. */
  add: (address: QueueAddress, keys: QueueKeys, drafts: Draft[], by: string | undefined) => Promise<void>;
}

export const isDraft = (made: Draft | Problem): made is Draft => !(made instanceof Problem);

const toResult = (made: Draft | Problem, index: number): Result => {
  if (made instanceof Problem) return { index, problem: toDocument(made) };
  const { id, state } = made.receipt;
  return { index, id, state, ...(made.replayed && made.key !== undefined && { replayed: true }) };
};

/** Small enough to keep for a day: ids that follow from the batch's and the index are left out. */
const pack = (results: Result[], requests: Request[]): string => {
  const kept = results.map((result, index) =>
    'problem' in result || requests[index]?.idempotencyKey !== undefined ? result : { ...result, id: undefined },
  );
  return deflateRawSync(JSON.stringify(kept)).toString('base64');
};

const unpack = ({ answer, id: seed }: Remembered): Result[] => {
  const kept = JSON.parse(inflateRawSync(Buffer.from(answer, 'base64')).toString()) as Result[];
  return kept.map((result) => {
    if ('problem' in result) return result;
    const { index, id = emailIdAt(seed, index), ...rest } = result;
    return { index, id, ...rest };
  });
};

/** Any line of it, also one that is refused. */
const saysConfidential = (requests: Request[]): boolean =>
  requests.some(({ body }) => (body as { confidential?: unknown } | null)?.confidential === true);

export const createAcceptBatch = ({ redis, clock, secrets, isConfidential, prepare, add }: Steps) => {
  /**
   * What the first request decided stays, also where it died in the middle: lines that Redis has already are left alone, the
   * others are added under the ids that were decided for them.
   */
  const repeat = async (
    address: QueueAddress,
    keys: QueueKeys,
    requests: Request[],
    known: Remembered,
    keyHash: string,
  ): Promise<BatchAnswer> => {
    const results = unpack(known);
    if (known.done) return { results, replayed: true };
    const there = await Promise.all(
      results.map(async (result) => 'problem' in result || (await wasAdded(redis, keys, result.id))),
    );
    const missing = results.flatMap((result, index) => {
      const request = requests[index];
      if (there[index] !== false || 'problem' in result || request === undefined) return [];
      const decided = { id: result.id, acceptedAt: known.acceptedAt, again: true };
      return [{ index, request: request.idempotencyKey === undefined ? { ...request, decided } : request }];
    });
    const drafts = await prepare(
      address,
      keys,
      missing.map(({ request }) => request),
    );
    await add(address, keys, drafts.filter(isDraft), requests[0]?.by);
    for (const [at, { index }] of missing.entries()) {
      const made = drafts[at];
      if (made instanceof Problem) results[index] = toResult(made, index);
    }
    // A line that could not be added now is looked at again with the next repetition.
    if (drafts.every(isDraft)) await confirmKey(redis, keys, keyHash);
    return { results, replayed: true };
  };

  /**
   * Accepts each of many by itself.
   * @param batch where the client may repeat the whole: another body under the same key is refused
   * @throws Problem `idempotency-key-reused`, `queue-full`, `content-full`
   */
  return async (address: QueueAddress, requests: Request[], batch?: BatchKey): Promise<BatchAnswer> => {
    const keys = queueKeys(address);
    const keyHash = batch === undefined ? '' : hashKey(batch.key);
    // Not that of a single email with the same fields.
    const body = batch && { batch: batch.body };
    const earlier = batch === undefined ? undefined : await recall(redis, keys, keyHash);
    if (earlier !== undefined) return repeat(address, keys, requests, remembered(earlier, body, secrets), keyHash);

    const acceptedAt = clock.now();
    const seed = newEmailId(acceptedAt);
    const decide = (request: Request, index: number): Request =>
      batch === undefined || request.idempotencyKey !== undefined
        ? request
        : { ...request, decided: { id: emailIdAt(seed, index), acceptedAt, again: false } };
    const drafts = await prepare(address, keys, requests.map(decide));
    const results = drafts.map(toResult);
    const good = drafts.filter(isDraft);
    // Nothing was done: the key is free for a corrected batch.
    if (good.length === 0) return { results, replayed: false };
    if (batch !== undefined) {
      const isSecret = saysConfidential(requests) || (await isConfidential(address));
      const bodyHash = hashBody(body, isSecret ? secrets : undefined);
      const record = { bodyHash, id: seed, acceptedAt, answer: pack(results, requests) };
      const first = await claimKey(redis, keys, keyHash, record);
      if (first !== undefined) return repeat(address, keys, requests, remembered(first, body, secrets), keyHash);
    }
    await add(address, keys, good, requests[0]?.by);
    if (batch !== undefined) await confirmKey(redis, keys, keyHash);
    return { results, replayed: false };
  };
};
