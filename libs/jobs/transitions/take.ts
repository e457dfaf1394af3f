// From the send queue to a worker: the next email, by priority and age, under a lock.
import { BESIDE, SCORE_UNIT } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { CAUSES } from '../traces/enter-cause';
import { LAYOUT } from '../layout/layout';

/** Emails whose time has come, put into line at once. */
const PROMOTED_AT_ONCE = 1_000;

// KEYS: BullMQ's prefix. ARGV: token, how long the lock lives (ms). Result: {id, data, accepted, attempts that counted, stalls,
// attempts before the last release, starts, now, '1' where it has marks, '1' where it was canceled}, or {when the next delayed
// email is due or 0}. Atomic, so that an email has one worker; by Redis' own clock, so that no worker's clock sends anything early.
// As BullMQ 6.7 does it (moveToActive): what is due is promoted; the pause and the bound of active jobs that its queue's meta
// names are kept. The queue's rate is asked for before (libs/store/limits/rates.ts).
const takeScript = defineScript(`${LAYOUT}${CAUSES}
local prefix, time = KEYS[1], redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
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
redis.call('SET', key .. ':lock', ARGV[1], 'PX', ARGV[2])
redis.call('HSET', key, 'processedOn', now)
local starts = redis.call('HINCRBY', key, 'ats', 1)
if starts > 1 then
  -- Whoever moved it here may not have known of our sets.
  redis.call('ZREM', prefix .. '${BESIDE.putBack}', id)
  redis.call('ZREM', prefix .. '${BESIDE.deferred}', id)
end
local data, accepted, attempts, stalls, before, generation, done, ended = unpack(redis.call('HMGET', key, 'data', 'timestamp',
  'atm', 'stc', '${MARK.attempts}', '${MARK.generation}', '${MARK.done}', '${MARK.ended}'))
local sent, open = marks(key)
-- Another BullMQ client retried it out of the error log: it begins anew, as after a release, unless nobody knows whether it
-- has been sent, or it was canceled.
if ended and ended ~= 'canceled' and not sent and not open then
  local made = tonumber(attempts or '0')
  if made > 0 then before = tostring(redis.call('HINCRBY', key, '${MARK.attempts}', made)) end
  leaveCause(prefix, id)
  redis.call('HDEL', key, 'atm', 'stc', '${MARK.ended}')
  redis.call('HINCRBY', key, '${MARK.generation}', 1)
  attempts, stalls = '0', '0'
end
local marked = (generation or done or ended or sent or open) and '1' or ''
return {id, data, accepted, attempts or '0', stalls or '0', before or '0', starts, now, marked, ended == 'canceled' and '1' or ''}`);

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
  /** When it was taken, by Redis' clock; ms since 1970. */
  takenAt: number;
  /** Earlier attempts or releases left marks (hand-over-journal.ts). */
  marked: boolean;
  /** It was canceled, and put back by another BullMQ client. */
  canceled: boolean;
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
      takenAt: number,
      marked: string,
      canceled: string,
    ];

/** @param hold.lockMs how long the lock lives unless it is renewed */
export const takeJob = async (
  redis: Redis,
  queue: EmailQueue,
  hold: { token: string; lockMs: number },
): Promise<TakenJob | NothingToTake> => {
  const answer = (await takeScript(redis, [queue.keys.bull], [hold.token, hold.lockMs])) as Answer;
  if (answer.length === 1) return { id: undefined, nextDelayedAt: answer[0] };
  const [id, data, acceptedAt, attemptsMade, stalls, before, starts, takenAt, marked, canceled] = answer;
  return {
    id,
    data,
    acceptedAt: Number(acceptedAt),
    attemptsMade: Number(attemptsMade),
    stalls: Number(stalls),
    attemptsBefore: Number(before),
    starts,
    takenAt,
    marked: marked === '1',
    canceled: canceled === '1',
  };
};
