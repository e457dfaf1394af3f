// From a worker into the history or the error log, with its last line; or away, where nothing of it is kept.
import type { LogLine } from '../../mail/email/outcome';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { SentMark } from './hand-over-journal';
import type { Lease } from './lease';
import { ASIDE } from '../layout/layout';
import { announceCauses } from '../traces/cause-index';
import { TALLY, tallyArgument, type Tally } from '../traces/tallies';
import { COPIES } from '../traces/archive-copy';
import { eventArgument, OUTBOX } from '../traces/outbox';
import type { EventNote } from '../../mail/email/event';
import { causeArgument, CAUSES } from '../traces/enter-cause';
import type { Cause } from '../../mail/email/cause';
import { TELL, type Telling } from '../layout/bullmq-events';
import { WIPE } from '../layout/sealed-email';
import { logLines, REMEMBER } from '../layout/email-log';

// KEYS: BullMQ's prefix, upkeep, finished. ARGV: id, token, now, place, field of the result, the result, when to remove it or ''
// for now, the line or '', '1' where the attempt counts, what is told of it (bullmq-events.ts), the line in short, the subject
// that it was rendered with or '', its cause (enter-cause.ts), its event (outbox.ts), what is counted (tallies.ts), that the
// server took it (hand-over-journal.ts) or '': written also where somebody else has the email, who must not send it once more;
// '1' where it is sealed: no other email's data are read here; its copy for the archive (archive-copy.ts) or ''. Result: 1, or 0
// where the lock is not ours any more. Atomic: the last line and the end are seen together or not at all. Nothing is written
// before something was taken away, so that a full Redis learns of the end, too (hand-over-journal.ts).
const endScript = defineScript(`${ASIDE}${TELL}${REMEMBER}${CAUSES}${OUTBOX}${TALLY}${COPIES}${WIPE}
local prefix, id, now = KEYS[1], ARGV[1], ARGV[3]
local key = prefix .. id
if redis.call('GET', key .. ':lock') ~= ARGV[2] then
  if ARGV[16] ~= '' and redis.call('EXISTS', key) == 1 then
    redis.call('HDEL', key, '${MARK.intent}')
    redis.call('HSETNX', key, '${MARK.sent}', ARGV[16])
  end
  return 0
end
redis.call('DEL', key .. ':lock')
redis.call('SREM', prefix .. 'stalled', id)
redis.call('LREM', prefix .. 'active', -1, id)
if ARGV[7] == '' then
  leaveCause(prefix, id)
  redis.call('DEL', key, key .. ':logs')
  redis.call('HDEL', prefix .. '${BESIDE.sealed}', id)
  tellEvent(prefix, ARGV[14])
  tally(prefix, ARGV[15], now, 1)
  keepCopy(prefix, ARGV[18], now)
  tell(ARGV[10], prefix, id, 'active', ARGV[4], ARGV[6])
  return 1
end
redis.call('ZREM', KEYS[2], id)
if ARGV[9] == '1' then redis.call('HINCRBY', key, 'atm', 1) end
redis.call('HSET', key, ARGV[5], ARGV[6], 'finishedOn', now)
if ARGV[16] ~= '' then
  redis.call('HDEL', key, '${MARK.intent}')
  redis.call('HSETNX', key, '${MARK.sent}', ARGV[16])
end
if ARGV[4] == 'failed' then
  redis.call('HSET', key, '${MARK.ended}', string.sub(ARGV[6], 1, 9) == 'canceled:' and 'canceled' or '1')
end
if ARGV[17] == '1' then
  if ARGV[4] == 'completed' then wipe(prefix, id) else wipeWhereOver(prefix, id, ARGV[6]) end
end
if ARGV[12] ~= '' then redis.call('HSET', key, '${MARK.subject}', ARGV[12]) end
redis.call('ZADD', prefix .. ARGV[4], now, id)
local set = ARGV[4] == 'failed' and asideSet(prefix, ARGV[6])
if set then redis.call('ZADD', set, 0, id) end
redis.call('ZADD', KEYS[3], ARGV[7], id)
if ARGV[8] ~= '' then remember(key, ARGV[8], ARGV[11]) end
enterCause(prefix, id, ARGV[13], now)
tellEvent(prefix, ARGV[14])
tally(prefix, ARGV[15], now, 1)
keepCopy(prefix, ARGV[18], now)
tell(ARGV[10], prefix, id, 'active', ARGV[4], ARGV[6])
return 1`);

/** BullMQ's field of each place. */
const RESULT = { completed: 'returnvalue', failed: 'failedReason' } as const;

export interface End {
  place: keyof typeof RESULT;
  /** JSON, or why it failed. */
  result: string;
  /** ms since 1970, here and below */
  now: number;
  /** When what is kept of it has to go; where it is not given, nothing is kept. */
  removeAt?: number;
  line?: LogLine | undefined;
  /** The server took it. */
  sent?: SentMark;
  /** What it was rendered with, to be found by; where it was given it stands in the email already. */
  subject?: string | undefined;
  /** No attempt was made: none is counted. */
  untried?: boolean;
  /** Why it was not sent, where nobody wanted that. */
  cause?: Cause | undefined;
  /** What statistics count. */
  tally?: Tally | undefined;
  /** What whoever listens is told of it. */
  event?: EventNote | undefined;
  /** Its copy for the archive of the queue, where there is one (`copyArgument`). */
  copy?: string;
  /** What BullMQ clients are told of it; nothing where it is not given. */
  telling?: Telling;
}

/** @throws Error where the lock was lost: the email is somebody else's by now */
export const endEmail = async (redis: Redis, { queue, id, token, email }: Lease, end: End): Promise<void> => {
  const [line, short] = logLines(end.line);
  const args = [
    id,
    token,
    end.now,
    end.place,
    RESULT[end.place],
    end.result,
    end.removeAt ?? '',
    line,
    end.untried ? '' : '1',
    end.telling ?? '',
    short,
    end.subject ?? '',
    causeArgument(end.cause),
    await eventArgument(redis, queue, end.event),
    tallyArgument(end.tally),
    end.sent === undefined ? '' : JSON.stringify(end.sent),
    email.sealed === undefined ? '' : '1',
    end.copy ?? '',
  ];
  if (end.cause !== undefined) await announceCauses(redis, queue);
  if ((await endScript(redis, [queue.keys.bull, queue.keys.upkeep, queue.keys.finished], args)) === 1) return;
  throw new Error(`the lock of ${id} was lost before its end was written`);
};
