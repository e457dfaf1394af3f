// From the send queue (or the error log) into the error log: hold, cancel, expire.
import { causeOf, type Cause } from '../../mail/email/cause';
import { writeFailure, type Failure } from '../../mail/email/failure';
import type { LogLine } from '../../mail/email/outcome';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { announceCauses } from '../traces/cause-index';
import { failureEvent, type EventNote } from '../../mail/email/event';
import { failedState } from '../../mail/email/state';
import { TALLY, talliedAs, tallyArgument } from '../traces/tallies';
import { eventArguments, OUTBOX } from '../traces/outbox';
import { causeArgument, CAUSES } from '../traces/enter-cause';
import { TELL, type Telling } from '../layout/bullmq-events';
import { WIPE } from '../layout/sealed-email';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';

// KEYS: BullMQ's prefix, upkeep, finished. ARGV: id, failed reason, log line or '', when it ended, keep until, from where it may be
// taken (`Withdrawal.from`), the expiry that the email must still have or '', the reason for one whose hand-over has no known end, what is told of it (bullmq-events.ts),
// its cause and that of one whose hand-over has no known end (enter-cause.ts), its event and that of such a one (outbox.ts), what is counted, and where such a one is (tallies.ts). Result: 1, or 0 missing, -1 sending, -2 sent, -3 in the error
// log already, -4 its expiry is another one by now. Atomic, so that no worker takes the email meanwhile.
const withdrawScript = defineScript(`${LAYOUT}${TELL}${CAUSES}${OUTBOX}${TALLY}${WIPE}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then
  if ARGV[6] ~= 'abandoned' or redis.call('EXISTS', key .. ':lock') == 1 then return -1 end
  redis.call('LREM', prefix .. 'active', 1, id)
  redis.call('SREM', prefix .. 'stalled', id)
  redis.call('LPUSH', prefix .. 'wait', id)
  from = 'waiting'
end
if from == 'completed' then return -2 end
if ARGV[6] == 'uncertain' then
  if from ~= 'failed' or string.sub(redis.call('HGET', key, 'failedReason') or '', 1, 10) ~= 'uncertain:' then return -3 end
elseif from == 'failed' and ARGV[6] ~= 'anywhere' then return -3 end
if ARGV[7] ~= '' and cjson.decode(redis.call('HGET', key, 'data')).expiresAt ~= ARGV[7] then return -4 end
local sent, open = marks(key)
if sent and from ~= 'failed' then return -2 end
-- Nobody knows whether the server took it: that is what it is put aside as, whatever was asked for.
local reason, cause, event, counted = ARGV[2], ARGV[10], ARGV[12], ARGV[14]
if open and from ~= 'failed' then reason, cause, event, counted = ARGV[8], ARGV[11], ARGV[13], ARGV[15] end
leave(prefix, id, from)
enterFailed(prefix, id, reason, ARGV[4])
redis.call('HSET', key, '${MARK.ended}', string.sub(reason, 1, 9) == 'canceled:' and 'canceled' or '1')
if ARGV[6] == 'uncertain' then wipe(prefix, id) else wipeWhereOver(prefix, id, reason) end
redis.call('ZREM', KEYS[2], id)
redis.call('ZADD', KEYS[3], ARGV[5], id)
log(prefix, id, ARGV[3])
enterCause(prefix, id, cause, ARGV[4])
tellEvent(prefix, event)
tally(prefix, counted, ARGV[4], 1)
tell(ARGV[9], prefix, id, from, 'failed', reason)
return 1`);

const UNKNOWN_END: Failure = {
  code: 'uncertain',
  text: 'a worker vanished while handing it over: the server may have taken it',
};

const UNKNOWN_CAUSE = causeArgument(causeOf(UNKNOWN_END));

export interface Withdrawal {
  failure: Failure;
  line?: LogLine;
  /** When it ended, as it will be told; ms since 1970, as the next. */
  now: number;
  keepUntil: number;
  /**
   * What waits, whatever is not sent yet (also in the error log, under another code), only what is uncertain, or what waits
   * and what a worker had that is gone.
   */
  from: 'send-queue' | 'anywhere' | 'uncertain' | 'abandoned';
  /** Only while the email still expires at this time (ISO 8601, as stored). */
  expiring?: string;
  /** The one that it would have been sent over. */
  transport?: string;
  /** Why it was not sent, where nobody wanted that. */
  cause?: Cause | undefined;
  /** What BullMQ clients are told of it; nothing where it is not given. */
  telling?: Telling;
}

const noteOf = (id: string, { code }: Failure, at: number): EventNote => ({
  type: failureEvent(code),
  at,
  id,
  state: failedState(code),
  code,
});

export const withdraw = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  aside: Withdrawal,
): Promise<Refusal | undefined> => {
  // Whatever it is put aside as, it may turn out to be uncertain.
  await announceCauses(redis, queue);
  const { transport = '' } = aside;
  const what = talliedAs(failedState(aside.failure.code));
  const notes = (): EventNote[] => [noteOf(id, aside.failure, aside.now), noteOf(id, UNKNOWN_END, aside.now)];
  const [event = '', unknown = ''] = (await eventArguments(redis, queue, notes)) ?? [];
  return readRefusal(
    await withdrawScript(
      redis,
      [queue.keys.bull, queue.keys.upkeep, queue.keys.finished],
      [
        id,
        writeFailure(aside.failure),
        aside.line === undefined ? '' : JSON.stringify(aside.line),
        aside.now,
        aside.keepUntil,
        aside.from,
        aside.expiring ?? '',
        writeFailure(UNKNOWN_END),
        aside.telling ?? '',
        causeArgument(aside.cause),
        UNKNOWN_CAUSE,
        event,
        unknown,
        tallyArgument(what && { what, transport }),
        tallyArgument({ what: 'uncertain', transport }),
      ],
    ),
  );
};
