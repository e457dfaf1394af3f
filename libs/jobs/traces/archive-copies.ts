// The copies of a queue that wait for its archive: which are due, what came of them, and how the archive is.
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { ContentRefs } from '../../store/contents/content-refs';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { announceCopies, copyMember, type ArchiveCopy } from './archive-copy';

/** How the archive of a queue is. */
export interface ArchiveState {
  /** Copies that it has not taken. */
  waiting: number;
  /** ms since 1970, both: nothing was taken since then; when it last took something. */
  failingSince?: number;
  takenAt?: number;
  /** Why it did not take what it was handed last; not there once nothing waits. */
  error?: string;
}

const NAMES = `
local prefix, id = KEYS[1], ARGV[1]
local copies, due, state = prefix .. '${BESIDE.copies}', prefix .. '${BESIDE.copiesDue}', prefix .. '${BESIDE.copiesState}'
`;

// KEYS: BullMQ's prefix. ARGV: id of the copy, of its email, the content id of its message, '1' where the email keeps that, now. Result: 1
// where the email let go of it. Atomic: a message that the email holds for the archive alone goes with the copy. Taken away first: a full
// Redis lets it go on then. An email that is not over may be handing it over again; one whose end is not known may be resolved as sent; and
// one that names the content is made of it, as one that was sent again as it was.
const takenScript = defineScript(`${NAMES}
redis.call('ZREM', due, id)
redis.call('HDEL', copies, id)
redis.call('ZREM', prefix .. '${BESIDE.copiesByEmail}', id)
redis.call('HDEL', state, 'failing')
if redis.call('ZCARD', due) == 0 then redis.call('HDEL', state, 'error') end
redis.call('HSET', state, 'taken', ARGV[5])
if ARGV[4] == '1' then return 0 end
local job = prefix .. ARGV[2]
local mark, finished, reason, data = unpack(redis.call('HMGET', job, '${MARK.archive}', 'finishedOn', 'failedReason', 'data'))
if not mark or cjson.decode(mark).contentId ~= ARGV[3] then return 0 end
if not finished or string.sub(reason or '', 1, 10) == 'uncertain:' or string.find(data or '', ARGV[3], 1, true) then return 0 end
redis.call('HDEL', job, '${MARK.archive}')
return 1`);

// KEYS: as above. ARGV: id, the copy, when it is handed over again, now, the error or '' where the archive was not asked. Result: 1. Atomic,
// so that one that was taken meanwhile does not come back.
const againScript = defineScript(`${NAMES}
if redis.call('HEXISTS', copies, id) == 0 then return 1 end
redis.call('ZADD', due, ARGV[3], id)
redis.call('HSET', copies, id, ARGV[2])
if ARGV[5] ~= '' then
  redis.call('HSETNX', state, 'failing', ARGV[4])
  redis.call('HSET', state, 'error', ARGV[5])
end
return 1`);

const keysOf = ({ keys }: EmailQueue) => ({
  copies: keys.bull + BESIDE.copies,
  due: keys.bull + BESIDE.copiesDue,
  byEmail: keys.bull + BESIDE.copiesByEmail,
  state: keys.bull + BESIDE.copiesState,
});

/** Those that are due, the longest first; some of them. @param now ms since 1970 */
export const dueCopies = async (redis: Redis, queue: EmailQueue, now: number, most: number): Promise<ArchiveCopy[]> => {
  const { copies, due } = keysOf(queue);
  const ids = await redis.zrangebyscore(due, '-inf', now, 'LIMIT', 0, most);
  if (ids.length === 0) return [];
  const texts = await redis.hmget(copies, ...ids);
  return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as ArchiveCopy]));
};

export interface CopiesDeps {
  redis: Redis;
  refs: ContentRefs;
  removeContent: (contentId: string) => Promise<void>;
}

/** The archive has it: it goes, and so does the message where the email held it for the archive alone. @param now ms since 1970 */
export const settleTaken = async (
  { redis, refs, removeContent }: CopiesDeps,
  queue: EmailQueue,
  copy: ArchiveCopy,
  now: number,
): Promise<void> => {
  const { id, email, kept } = copy;
  const { contentId } = copy.message;
  const args = [copy.id, email, contentId, kept ? '1' : '', now];
  const letGo = (await takenScript(redis, [queue.keys.bull], args)) === 1;
  // Where this is cut short the reconciler goes on, once the email is gone.
  if (letGo) await refs.release(queue.address, email, [contentId], removeContent);
  // Whoever had the email next may have written it down once more.
  if (await isCopyWaiting(redis, queue, id)) return;
  await refs.release(queue.address, copyMember(id), [contentId], removeContent);
};

/**
 * It is handed over again.
 * @param how.nextAt and `now` in ms since 1970
 * @param how.error why the archive did not take it; not given where the archive was not asked
 */
export const settleAgain = async (
  redis: Redis,
  queue: EmailQueue,
  copy: ArchiveCopy,
  how: { nextAt: number; now: number; error?: string },
): Promise<void> => {
  const { error } = how;
  const next = error === undefined ? copy : { ...copy, attempts: copy.attempts + 1, error };
  const args = [copy.id, JSON.stringify(next), how.nextAt, how.now, error ?? ''];
  await againScript(redis, [queue.keys.bull], args);
};

export const readArchiveState = async (redis: Redis, queue: EmailQueue): Promise<ArchiveState> => {
  const { due, state } = keysOf(queue);
  const [waiting, [failing, taken, error]] = await Promise.all([
    redis.zcard(due),
    redis.hmget(state, 'failing', 'taken', 'error'),
  ]);
  return {
    waiting,
    ...(failing && { failingSince: Number(failing) }),
    ...(taken && { takenAt: Number(taken) }),
    ...(error && { error }),
  };
};

/** A copy that waits, and when it is handed over next (ms since 1970). */
export interface WaitingCopy {
  copy: ArchiveCopy;
  nextAt: number;
}

/** Those of an email that wait. */
export const copiesOfEmail = async (redis: Redis, queue: EmailQueue, email: string): Promise<WaitingCopy[]> => {
  const { copies, due, byEmail } = keysOf(queue);
  // The ids of others that begin so go on with other signs: `.` comes after `-`.
  const ids = await redis.zrangebylex(byEmail, `[${email}-`, `(${email}.`);
  if (ids.length === 0) return [];
  const [texts, times] = await Promise.all([redis.hmget(copies, ...ids), redis.zmscore(due, ...ids)]);
  return texts.flatMap((text, index) =>
    text === null ? [] : [{ copy: JSON.parse(text) as ArchiveCopy, nextAt: Number(times[index] ?? 0) }],
  );
};

/** Has the archive not taken it? */
export const isCopyWaiting = async (redis: Redis, queue: EmailQueue, copyId: string): Promise<boolean> =>
  (await redis.hexists(keysOf(queue).copies, copyId)) === 1;

/** All of a queue, some at a time; one that is written meanwhile may be missing. */
export async function* waitingCopies(redis: Redis, queue: EmailQueue): AsyncGenerator<ArchiveCopy[]> {
  let cursor = '0';
  do {
    const [next, fields] = await redis.hscan(keysOf(queue).copies, cursor, 'COUNT', 200);
    cursor = next;
    yield fields.filter((_, index) => index % 2 === 1).map((text) => JSON.parse(text) as ArchiveCopy);
  } while (cursor !== '0');
}

/** Names the queue anew to whoever hands copies over, where some wait: it could not be done when they were written. */
export const announceWaiting = async (redis: Redis, queue: EmailQueue): Promise<void> => {
  if ((await redis.exists(keysOf(queue).copies)) === 1) await announceCopies(redis, queue);
};

/** Lets go of what the copies of a queue hold that is deleted; its keys go with the queue. */
export const releaseCopies = async ({ redis, refs, removeContent }: CopiesDeps, queue: EmailQueue): Promise<void> => {
  for await (const copies of waitingCopies(redis, queue))
    for (const { id, message } of copies)
      await refs.release(queue.address, copyMember(id), [message.contentId], removeContent);
};
