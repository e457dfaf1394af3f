// From a worker back into the send queue, to be tried again at a time: after an attempt that counted, or without one.
import type { Cause } from '../../mail/email/cause';
import { writeFailure, type Failure } from '../../mail/email/failure';
import type { LogLine } from '../../mail/email/outcome';
import { dueAt } from '../../mail/email/stored-email';
import { BESIDE, SCORE_UNIT } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { logLines, REMEMBER } from '../layout/email-log';
import { announceCauses } from '../traces/cause-index';
import { TALLY, tallyArgument, type Tally } from '../traces/tallies';
import { eventArgument, OUTBOX } from '../traces/outbox';
import type { EventNote } from '../../mail/email/event';
import { causeArgument, CAUSES } from '../traces/enter-cause';
import type { Lease } from './lease';

// KEYS: BullMQ's prefix. ARGV: id, token, now, when it is tried again, when it may be sent at the earliest, when it expires, the
// failed reason or '' where no attempt counts, why it was put back otherwise, the line or '', fields of the intent and of why, the
// line in short, the cause (enter-cause.ts), the event (outbox.ts), what is counted (tallies.ts).
// Result: 1, or 0 where the lock is not ours any more. Atomic: the line of the attempt, its count and the next time are seen
// together or not at all. What is taken away comes first, so that a full Redis learns of it, too (hand-over-journal.ts).
const postponeScript = defineScript(`${REMEMBER}${CAUSES}${OUTBOX}${TALLY}
local prefix, id, nextAt = KEYS[1], ARGV[1], tonumber(ARGV[4])
local key = prefix .. id
if redis.call('GET', key .. ':lock') ~= ARGV[2] then return 0 end
redis.call('DEL', key .. ':lock')
redis.call('SREM', prefix .. 'stalled', id)
redis.call('LREM', prefix .. 'active', -1, id)
local made = tonumber(redis.call('HGET', key, 'atm') or '0')
if ARGV[7] == '' then
  redis.call('HSET', key, ARGV[11], ARGV[8])
else
  made = redis.call('HINCRBY', key, 'atm', 1)
  if redis.call('HDEL', key, ARGV[10]) == 1 then
    redis.call('HSET', key, '${MARK.handedOver}', redis.call('HGET', key, '${MARK.generation}') or '0')
  end
  redis.call('HSET', key, 'failedReason', ARGV[7])
end
redis.call('HSET', key, 'delay', nextAt - ARGV[3])
redis.call('ZADD', prefix .. 'delayed', nextAt * ${SCORE_UNIT}, id)
if made > 0 then redis.call('ZADD', prefix .. '${BESIDE.deferred}', ARGV[6], id) end
if made > 0 or tonumber(ARGV[5]) < nextAt then redis.call('ZADD', prefix .. '${BESIDE.putBack}', nextAt, id) end
if ARGV[9] ~= '' then remember(key, ARGV[9], ARGV[12]) end
if ARGV[7] ~= '' then enterCause(prefix, id, ARGV[13], ARGV[3]) end
tellEvent(prefix, ARGV[14])
tally(prefix, ARGV[15], ARGV[3], 1)
return 1`);

export interface Postponement {
  /** ms since 1970, both */
  now: number;
  nextAt: number;
  /** Why the attempt failed, where it counts; else why there was none, for people to read. */
  because: Failure | string;
  line?: LogLine | undefined;
  /** What the failure of an attempt that counts has in common with others. */
  cause?: Cause | undefined;
  /** What statistics count. */
  tally?: Tally | undefined;
  /** What whoever listens is told of it. */
  event?: EventNote | undefined;
}

/** @throws Error where the lock was lost: the email is somebody else's by now */
export const postponeEmail = async (redis: Redis, lease: Lease, how: Postponement): Promise<void> => {
  const { queue, id, token, email, acceptedAt } = lease;
  const { now, because } = how;
  const [reason, parked] = typeof because === 'string' ? ['', because.slice(0, 200)] : [writeFailure(because), ''];
  const [line, short] = logLines(how.line);
  if (how.cause !== undefined) await announceCauses(redis, queue);
  const answer = await postponeScript(
    redis,
    [queue.keys.bull],
    [
      id,
      token,
      now,
      Math.max(now + 1, Math.ceil(how.nextAt)),
      dueAt(email, acceptedAt),
      Date.parse(email.expiresAt),
      reason,
      parked,
      line,
      MARK.intent,
      MARK.parked,
      short,
      causeArgument(how.cause),
      await eventArgument(redis, queue, how.event),
      tallyArgument(how.tally),
    ],
  );
  if (answer !== 1) throw new Error(`the lock of ${id} was lost before it was put back`);
};
