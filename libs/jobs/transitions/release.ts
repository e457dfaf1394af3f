// From the error log back into the send queue: attempts start anew, older intents do not count any more.
import type { LogLine } from '../../mail/email/outcome';
import type { StoredEmail } from '../../mail/email/stored-email';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { eventArgument, OUTBOX } from '../traces/outbox';
import { CAUSES } from '../traces/enter-cause';
import { SEALED, WIPED } from '../layout/sealed-email';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';

// KEYS: BullMQ's prefix, upkeep, finished. ARGV: id, version that it must have, data, log line, now, due, when it expires, fields of
// generation, intent and earlier attempts, and of why it was parked, its event (outbox.ts). Result: 1, or 0 missing, -1 sending, -2 sent, -3 not in the error log or canceled, -4 changed by somebody
// else. Atomic, so that of two who release one does.
const releaseScript = defineScript(`${LAYOUT}${CAUSES}${OUTBOX}${WIPED}${SEALED}
local prefix, id, now = KEYS[1], ARGV[1], tonumber(ARGV[5])
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then return -1 end
if from == 'completed' then return -2 end
if from ~= 'failed' or string.sub(redis.call('HGET', key, 'failedReason') or '', 1, 9) == 'canceled:' then return -3 end
local data = redis.call('HGET', key, 'data')
if cjson.decode(data).rev ~= tonumber(ARGV[2]) or wipedSince(data, ARGV[3]) then return -4 end
leave(prefix, id, from)
leaveCause(prefix, id)
local made = tonumber(redis.call('HGET', key, 'atm') or '0')
if made > 0 then redis.call('HINCRBY', key, ARGV[10], made) end
redis.call('HDEL', key, 'finishedOn', 'processedOn', 'failedReason', 'stacktrace', 'atm', 'stc', 'defa', '${MARK.ended}', '${MARK.subject}', ARGV[9], ARGV[11])
redis.call('HINCRBY', key, ARGV[8], 1)
redis.call('HSET', key, 'data', ARGV[3])
noteSealed(prefix, id, ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[7], id)
redis.call('ZREM', KEYS[3], id)
enter(prefix, id, tonumber(ARGV[6]), now)
log(prefix, id, ARGV[4])
tellEvent(prefix, ARGV[12])
return 1`);

export interface Release {
  before: StoredEmail;
  after: StoredEmail;
  line: LogLine;
  /** ms since 1970, both */
  now: number;
  due: number;
}

export const releaseEmail = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  release: Release,
): Promise<Refusal | undefined> =>
  readRefusal(
    await releaseScript(
      redis,
      [queue.keys.bull, queue.keys.upkeep, queue.keys.finished],
      [
        id,
        release.before.rev,
        JSON.stringify(release.after),
        JSON.stringify(release.line),
        release.now,
        release.due,
        Date.parse(release.after.expiresAt),
        MARK.generation,
        MARK.intent,
        MARK.attempts,
        MARK.parked,
        await eventArgument(redis, queue, {
          type: 'email.released',
          at: release.now,
          id,
          state: release.due > release.now ? 'scheduled' : 'queued',
        }),
      ],
    ),
  );
