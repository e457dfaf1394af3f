// From the error log into the history: a person knows that the server took an uncertain email.
import { readFailure } from '../../mail/email/failure';
import type { LogLine } from '../../mail/email/outcome';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { TALLY, tallyArgument } from '../traces/tallies';
import { COPIES } from '../traces/archive-copy';
import { eventArgument, OUTBOX } from '../traces/outbox';
import { CAUSES } from '../traces/enter-cause';
import { TELL, type Telling } from '../layout/bullmq-events';
import { WIPE } from '../layout/sealed-email';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';

// KEYS: BullMQ's prefix, finished. ARGV: id, log line, now, keep until, the failed reason that it must have, field of
// `sent`, its value, what is told of it (bullmq-events.ts), its event (outbox.ts), what is counted (tallies.ts), its
// copy for the archive (archive-copy.ts) or ''. Result: 1, or 0 missing, -1 sending, -2 sent, -3 in another state. Atomic, so that nobody releases it
// meanwhile.
const resolveScript = defineScript(`${LAYOUT}${TELL}${CAUSES}${OUTBOX}${TALLY}${COPIES}${WIPE}
local prefix, id, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then return -1 end
if from == 'completed' then return -2 end
if from ~= 'failed' or redis.call('HGET', key, 'failedReason') ~= ARGV[5] then return -3 end
leave(prefix, id, from)
leaveCause(prefix, id)
wipe(prefix, id)
redis.call('HDEL', key, 'failedReason', 'stacktrace')
redis.call('HSET', key, 'finishedOn', now, 'returnvalue', '""', ARGV[6], ARGV[7])
redis.call('ZADD', prefix .. 'completed', now, id)
redis.call('ZADD', KEYS[2], ARGV[4], id)
log(prefix, id, ARGV[2])
tellEvent(prefix, ARGV[9])
tally(prefix, ARGV[10], now, 1)
keepCopy(prefix, ARGV[11], ARGV[3])
tell(ARGV[8], prefix, id, from, 'completed')
return 1`);

/** @param how times in ms since 1970, what BullMQ clients are told, and its copy for the archive (`copyArgument`) */
export const resolveSent = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  line: LogLine,
  how: { now: number; keepUntil: number; telling?: Telling; transport?: string; copy?: string },
): Promise<Refusal | undefined> => {
  const reason = await redis.hget(queue.keys.job(id), 'failedReason');
  if (reason === null || readFailure(reason).code !== 'uncertain') return 'wrong-state';
  const sent = JSON.stringify({ at: how.now, replies: [] });
  const keys = [queue.keys.bull, queue.keys.finished];
  return readRefusal(
    await resolveScript(redis, keys, [
      id,
      JSON.stringify(line),
      how.now,
      how.keepUntil,
      reason,
      MARK.sent,
      sent,
      how.telling ?? '',
      await eventArgument(redis, queue, { type: 'email.sent', at: how.now, id, state: 'sent' }),
      tallyArgument({ what: 'sent', transport: how.transport ?? '' }),
      how.copy ?? '',
    ]),
  );
};
