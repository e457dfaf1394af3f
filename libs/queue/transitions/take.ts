// From the send queue to a worker: the next email, by priority and age, under a lock.
import { BESIDE, MARK, SCORE_UNIT } from '../../store/keys';
import type { Redis } from '../../store/redis';
import { defineScript } from '../../store/script';
import type { EmailQueue } from '../queues';
import { PLACES } from './places';

/** Emails whose time has come, put into line at once. */
const PROMOTED_AT_ONCE = 1_000;

// KEYS: BullMQ's prefix. ARGV: now, token, how long the lock lives (ms), field of earlier attempts. Result: {id, data, accepted,
// attempts that counted, stalls, attempts before the last release, starts}, or {when the next delayed email is due or 0}.
// Atomic, so that an email has one worker. As BullMQ 6.7 does it (moveToActive): what is due is promoted; the pause and the
// bound of active jobs that its queue's meta names are kept. The queue's rate is asked for before (libs/store/rates.ts).
const takeScript = defineScript(`${PLACES}
local prefix, now = KEYS[1], tonumber(ARGV[1])
local paused, most = unpack(redis.call('HMGET', prefix .. 'meta', 'paused', 'concurrency'))
local due = redis.call('ZRANGEBYSCORE', prefix .. 'delayed', 0, (now + 1) * ${SCORE_UNIT} - 1, 'LIMIT', 0, ${PROMOTED_AT_ONCE})
for _, id in ipairs(due) do
  leave(prefix, id, 'delayed')
  enter(prefix, id, now, now)
end
if paused or (most and redis.call('LLEN', prefix .. 'active') >= tonumber(most)) then return {0} end
local id = redis.call('RPOPLPUSH', prefix .. 'wait', prefix .. 'active')
if not id then
  id = redis.call('ZPOPMIN', prefix .. 'prioritized')[1]
  if not id then
    redis.call('DEL', prefix .. 'pc')
    local score = redis.call('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')[2]
    return {score and math.floor(tonumber(score) / ${SCORE_UNIT}) or 0}
  end
  redis.call('LPUSH', prefix .. 'active', id)
end
local key = prefix .. id
redis.call('SET', key .. ':lock', ARGV[2], 'PX', ARGV[3])
redis.call('HSET', key, 'processedOn', now)
local starts = redis.call('HINCRBY', key, 'ats', 1)
if starts > 1 then
  -- Whoever moved it here may not have known of our sets.
  redis.call('ZREM', prefix .. '${BESIDE.putBack}', id)
  redis.call('ZREM', prefix .. '${BESIDE.deferred}', id)
end
local data, accepted, attempts, stalls, before = unpack(redis.call('HMGET', key, 'data', 'timestamp', 'atm', 'stc', ARGV[4]))
return {id, data, accepted, attempts or '0', stalls or '0', before or '0', starts}`);

/** A job as it was taken. */
export interface TakenJob {
  id: string;
  /** JSON */
  data: string;
  /** ms since 1970 */
  acceptedAt: number;
  attemptsMade: number;
  stalls: number;
  /** Attempts that counted before the last release. */
  attemptsBefore: number;
  starts: number;
}

/** Nothing to take now; when its next delayed email is due (0: there is none, or the queue is stopped). */
export interface NothingToTake {
  id: undefined;
  nextDelayedAt: number;
}

type Answer =
  | [nextDelayedAt: number]
  | [
      id: string,
      data: string,
      acceptedAt: string,
      attemptsMade: string,
      stalls: string,
      before: string,
      starts: number,
    ];

/** @param hold.now ms since 1970 @param hold.lockMs how long the lock lives unless it is renewed */
export const takeJob = async (
  redis: Redis,
  queue: EmailQueue,
  hold: { now: number; token: string; lockMs: number },
): Promise<TakenJob | NothingToTake> => {
  const answer = (await takeScript(
    redis,
    [queue.keys.bull],
    [hold.now, hold.token, hold.lockMs, MARK.attempts],
  )) as Answer;
  if (answer.length === 1) return { id: undefined, nextDelayedAt: answer[0] };
  const [id, data, acceptedAt, attemptsMade, stalls, before, starts] = answer;
  return {
    id,
    data,
    acceptedAt: Number(acceptedAt),
    attemptsMade: Number(attemptsMade),
    stalls: Number(stalls),
    attemptsBefore: Number(before),
    starts,
  };
};
