// The marks of a hand-over: written around the moment at which an email leaves, so that every possible twin is known.
import type { RecipientsDone, Reply } from '../../mail/email/outcome';
import type { StoredRaw } from '../../mail/email/stored-email';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { COPIES } from '../traces/archive-copy';
import { GONE, isGone } from '../layout/tombstones';
import { toArchive } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

/** What earlier attempts left behind. */
export interface Marks {
  /** Rises with every release and resolve: older intents do not count any more. */
  generation: number;
  /** Somebody began to hand the email over at this time (ms) and nobody has said how it ended. */
  intentAt?: number;
  /** A hand-over began in this generation, whatever came of it: the email stays with the server that may have seen it. */
  handedOver: boolean;
  /** The server took the email. */
  sent?: SentMark;
  /** The email was sent or erased, and removed: a late repetition of its add has made it anew. */
  gone: boolean;
  /** Recipients that are done with, by address: taken, or refused for good. */
  done: RecipientsDone;
  /** Whom the message was handed over for by the last hand-over of this generation, where its end is not known. */
  unknown?: string[];
}

/** As `MARK.done` is kept. */
type DoneMark = RecipientsDone & Pick<Marks, 'generation' | 'unknown'>;

export interface SentMark {
  /** ms since 1970 */
  at: number;
  replies: Reply[];
}

/** The right to go on with an email: proven by the lock, which another worker has if this one was taken for dead. */
export interface Hold {
  id: string;
  token: string;
}

const NOTHING_DONE: RecipientsDone = { accepted: [], refused: [] };

export const NO_MARKS: Marks = { generation: 0, gone: false, handedOver: false, done: NOTHING_DONE };

/** What was accepted stays so; what was refused before a release is tried anew. */
const readDone = (text: string, present: number): Pick<Marks, 'done' | 'unknown'> => {
  const { accepted, refused, generation, unknown } = JSON.parse(text) as DoneMark;
  if (generation !== present) return { done: { accepted, refused: [] } };
  return { done: { accepted, refused }, ...(unknown && { unknown }) };
};

export const readMarks = async (redis: Redis, queue: EmailQueue, id: string): Promise<Marks> => {
  const names = [MARK.generation, MARK.intent, MARK.sent, MARK.done, MARK.handedOver];
  const [[generation, intent, sent, done, handedOver], gone] = await Promise.all([
    redis.hmget(queue.keys.job(id), ...names),
    isGone(redis, queue.keys, id),
  ]);
  const current = Number(generation ?? 0);
  const [intentGeneration, intentAt] = (intent ?? '').split('|');
  return {
    generation: current,
    gone,
    handedOver: [handedOver, intentGeneration].includes(String(current)),
    ...(intentAt !== undefined && Number(intentGeneration) === current && { intentAt: Number(intentAt) }),
    ...(sent && { sent: JSON.parse(sent) as SentMark }),
    ...(done ? readDone(done, current) : { done: NOTHING_DONE }),
  };
};

// KEYS: the job, its lock, where those that are gone begin. ARGV: token, field of the intent, the time, fields of `sent` and of
// the generation, id. Result: 1 to go on, 0 where
// the lock is not ours any more, -1 where the email was sent already. Atomic: between the check and the intent nobody
// else may begin. Sent after 354, before the first byte of the message.
const fence = defineScript(`${GONE}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if redis.call('HEXISTS', KEYS[1], ARGV[4]) == 1 or isGone(KEYS[3], ARGV[6]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[2], (redis.call('HGET', KEYS[1], ARGV[5]) or '0') .. '|' .. ARGV[3])
return 1`);

// The removal comes first, also where there is nothing to remove: Redis never refuses it for want of memory, and lets a script
// that has begun to write go on writing. So a full Redis still learns that an email was sent.
// KEYS: the job, BullMQ's prefix. ARGV: field of the intent, the time of the one to remove or '' for any, a copy for the archive
// (archive-copy.ts) or '', now, then pairs of field and value.
// Result: 1, or 0 where the job is gone: then no field is written, since a hash without a job would never go away. Atomic, so
// that an intent of somebody else, who has the email by now, stays, and nobody is noted as done without the copy.
const mark = defineScript(`${COPIES}
local intent = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local ours = ARGV[2] == '' or string.match(intent, '|(%d+)$') == ARGV[2]
redis.call('HDEL', KEYS[1], ours and ARGV[1] or '')
keepCopy(KEYS[2], ARGV[3], ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for index = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return 1`);

/** @param how.intentAt of the intent that is over, ms since 1970, or '' for any; `copy` for the archive, and when it was made */
const setMarks = async (
  redis: Redis,
  { keys }: EmailQueue,
  id: string,
  how: { intentAt: number | ''; copy?: string | undefined; now?: number },
  ...fields: (string | number)[]
): Promise<void> => {
  await mark(redis, [keys.job(id), keys.bull], [MARK.intent, how.intentAt, how.copy ?? '', how.now ?? 0, ...fields]);
};

/** The fence said no: the message must not leave. */
export class FenceClosed extends Error {
  override name = 'FenceClosed';
}

/**
 * Records the intent to hand over, if the email is still ours and not yet sent.
 * @throws FenceClosed
 */
export const markIntent = async (redis: Redis, queue: EmailQueue, hold: Hold, now: number): Promise<void> => {
  const keys = [queue.keys.job(hold.id), queue.keys.lock(hold.id), queue.keys.gone];
  const answer = await fence(redis, keys, [hold.token, MARK.intent, now, MARK.sent, MARK.generation, hold.id]);
  if (answer === 0) throw new FenceClosed('the hold on the email was lost: another worker may have it');
  if (answer === -1) throw new FenceClosed('the email was sent already');
};

/** Records that the server took the email for all recipients that were left. */
export const markSent = async (redis: Redis, queue: EmailQueue, id: string, sent: SentMark): Promise<void> => {
  await setMarks(redis, queue, id, { intentAt: '' }, MARK.sent, JSON.stringify(sent));
};

/**
 * Records recipients that are done with while others are still to be tried; the hand-over itself has ended.
 * @param how.intentAt of the intent that is over, where there is one, and `now`, both in ms since 1970
 * @param how.copy for the archive, where somebody has the message (`draftCopy`)
 */
export const markDone = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  how: {
    generation: number;
    intentAt: number | undefined;
    done: RecipientsDone;
    now?: number;
    copy?: string | undefined;
  },
): Promise<void> => {
  const { generation, intentAt = NO_INTENT, done, now = 0, copy } = how;
  const value = JSON.stringify({ generation, ...done } satisfies DoneMark);
  const began = intentAt === NO_INTENT ? [] : [MARK.handedOver, generation];
  await setMarks(redis, queue, id, { intentAt, copy, now }, MARK.done, value, ...began);
};

/**
 * Records of a hand-over whose end is not known whom it was for: those that the server refused before are not asked again, and did not
 * get it, whatever a person finds out. Its intent stays.
 */
export const markUnknown = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  how: { generation: number; done: RecipientsDone; unknown: string[] },
): Promise<void> => {
  const { generation, done, unknown } = how;
  const value = JSON.stringify({ generation, ...done, unknown } satisfies DoneMark);
  await setMarks(redis, queue, id, { intentAt: NO_INTENT }, MARK.done, value);
};

/** No intent has this time. */
const NO_INTENT = 0;

/**
 * The hand-over ended without the message having left: its intent is void. That of another worker, who has the email since
 * this one was taken for dead, is not.
 * @param intentAt as it was recorded, ms since 1970
 */
export const clearIntent = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  { generation, intentAt }: { generation: number; intentAt: number },
): Promise<void> => {
  await setMarks(redis, queue, id, { intentAt }, MARK.handedOver, generation);
};

// KEYS: the job, its lock. ARGV: token, field, value. Result: {1, or 0 where the lock is not ours any more; what stands there
// ('' for nothing), before it is replaced}. Atomic: who lost the email must not replace what the one that has it sends.
const replaceArchive = defineScript(`
local before = redis.call('HGET', KEYS[1], ARGV[2]) or ''
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0, before} end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return {1, before}`);

/**
 * Records the message as it is about to be handed over, if the email is still ours.
 * @returns whether it was recorded, and the content id of the one that stood there
 */
export const markArchive = async (
  redis: Redis,
  queue: EmailQueue,
  hold: Hold,
  archive: StoredRaw,
): Promise<{ recorded: boolean; known: string | undefined }> => {
  const keys = [queue.keys.job(hold.id), queue.keys.lock(hold.id)];
  const answer = await replaceArchive(redis, keys, [hold.token, MARK.archive, JSON.stringify(archive)]);
  const [recorded, known] = answer as [number, string];
  return { recorded: recorded === 1, known: known === '' ? undefined : (JSON.parse(known) as StoredRaw).contentId };
};

/** The message as it was handed over last, where that was archived. */
export const readArchive = async (redis: Redis, queue: EmailQueue, id: string): Promise<StoredRaw | undefined> =>
  toArchive(await redis.hget(queue.keys.job(id), MARK.archive));
