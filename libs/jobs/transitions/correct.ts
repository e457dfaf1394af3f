// Changes an email that waits or stands in the error log, and where it waits; never one that a worker has.
import type { LogLine } from '../../mail/email/outcome';
import type { StoredEmail } from '../../mail/email/stored-email';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { addressMembers } from '../layout/index-entries';
import type { EmailQueue } from '../layout/queues';
import { SEALED, WIPED } from '../layout/sealed-email';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';

// KEYS: BullMQ's prefix, index by address, upkeep. ARGV: id, version that it must have, data, log line, now, due or '',
// BullMQ's priority, when it expires, JSON of members to remove and to add. Result: 1, or 0 missing, -1 sending,
// -2 sent, -4 changed by somebody else. Atomic: a worker that takes the email sends the old one or the new one, and whoever
// corrects knows which.
const correctScript = defineScript(`${LAYOUT}${WIPED}${SEALED}
local prefix, id, now = KEYS[1], ARGV[1], tonumber(ARGV[5])
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then return -1 end
if from == 'completed' then return -2 end
local sent, open = marks(key)
if sent and from ~= 'failed' then return -2 end
if open and from ~= 'failed' then return -1 end
local data = redis.call('HGET', key, 'data')
if cjson.decode(data).rev ~= tonumber(ARGV[2]) or wipedSince(data, ARGV[3]) then return -4 end
local priority = redis.call('HGET', key, 'priority') or '0'
redis.call('HSET', key, 'data', ARGV[3], 'priority', ARGV[7])
noteSealed(prefix, id, ARGV[3])
redis.call('HDEL', key, '${MARK.subject}')
for _, member in ipairs(cjson.decode(ARGV[9])) do redis.call('ZREM', KEYS[2], member) end
for _, member in ipairs(cjson.decode(ARGV[10])) do redis.call('ZADD', KEYS[2], 0, member) end
if UNFINISHED[from] then
  redis.call('ZADD', KEYS[3], ARGV[8], id)
  redis.call('ZADD', prefix .. '${BESIDE.deferred}', 'XX', ARGV[8], id)
  if ARGV[6] ~= '' then
    leave(prefix, id, from)
    enter(prefix, id, tonumber(ARGV[6]), now)
    if tonumber(ARGV[6]) > now and tonumber(redis.call('HGET', key, 'atm') or '0') > 0 then
      redis.call('ZADD', prefix .. '${BESIDE.putBack}', ARGV[6], id)
      redis.call('ZADD', prefix .. '${BESIDE.deferred}', ARGV[8], id)
    end
  elseif priority ~= ARGV[7] and from ~= 'delayed' then
    leave(prefix, id, from)
    enter(prefix, id, now, now)
  end
end
log(prefix, id, ARGV[4])
return 1`);

export interface Correction {
  before: StoredEmail;
  after: StoredEmail;
  /** BullMQ's number. */
  priority: number;
  line: LogLine;
  /** ms since 1970 */
  now: number;
  /** When it is to be sent, where that changes; ms since 1970. */
  due?: number;
}

export const correctEmail = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  change: Correction,
): Promise<Refusal | undefined> => {
  const [old, fresh] = [addressMembers(id, change.before), addressMembers(id, change.after)];
  const { bull, byAddress, upkeep } = queue.keys;
  return readRefusal(
    await correctScript(
      redis,
      [bull, byAddress, upkeep],
      [
        id,
        change.before.rev,
        JSON.stringify(change.after),
        JSON.stringify(change.line),
        change.now,
        change.due ?? '',
        String(change.priority),
        Date.parse(change.after.expiresAt),
        JSON.stringify(old.filter((member) => !fresh.includes(member))),
        JSON.stringify(fresh.filter((member) => !old.includes(member))),
      ],
    ),
  );
};
