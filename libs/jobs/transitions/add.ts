// Into the send queue: any number of emails with their index entries in one call.
import type { EventNote } from '../../mail/email/event';
import { jsonOf, type StoredEmail } from '../../mail/email/stored-email';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { TALLY, tallyArgument } from '../traces/tallies';
import { eventArguments, OUTBOX } from '../traces/outbox';
import { addressMembers, ENTER_INDEXES } from '../layout/index-entries';
import type { EmailQueue } from '../layout/queues';
import { SEALED } from '../layout/sealed-email';
import { LAYOUT } from '../layout/layout';

/** What Bull Board groups by; its lists show the email instead. */
const JOB_NAME = 'email';
/** Emails of one call: Redis answers nobody else meanwhile. */
const AT_ONCE = 100;

/** Which transport it will be sent over is decided when it is sent. */
const ACCEPTED = tallyArgument({ what: 'accepted', transport: '' });

// KEYS: BullMQ's prefix, by time, by address, upkeep. ARGV: of each email: id, data, accepted, due, BullMQ's priority, when
// it expires, its event or '', how many members of the index by address, those members. Result: how many were added; one that is there already
// is left as it is. Fields that say nothing (opts, delay, priority) are left out: each would cost Redis some 70 bytes. Atomic,
// so that no email is without its index entries.
const addScript = defineScript(`${LAYOUT}${ENTER_INDEXES}${OUTBOX}${TALLY}${SEALED}
local prefix, index, added = KEYS[1], 1, 0
while index <= #ARGV do
  local id, accepted, priority = ARGV[index], ARGV[index + 2], ARGV[index + 4]
  local last = index + 7 + tonumber(ARGV[index + 7])
  local key = prefix .. id
  if redis.call('EXISTS', key) == 0 then
    enterIndexes(KEYS[2], KEYS[3], KEYS[4], id, ARGV[index + 5], ARGV, index + 8, last)
    redis.call('HSET', key, 'name', '${JOB_NAME}', 'data', ARGV[index + 1], 'timestamp', accepted)
    noteSealed(prefix, id, ARGV[index + 1])
    if priority ~= '0' then redis.call('HSET', key, 'priority', priority) end
    local due, now = tonumber(ARGV[index + 3]), tonumber(accepted)
    enter(prefix, id, due, now)
    -- Bull Board tells by it when an email will be sent.
    if due > now then redis.call('HSET', key, 'opts', string.format('{"delay":%d}', due - now)) end
    tellEvent(prefix, ARGV[index + 6])
    added = added + 1
  end
  index = last + 1
end
if added > 0 then tally(prefix, '${ACCEPTED}', ARGV[3], added) end
return added`);

export interface Addition {
  id: string;
  email: StoredEmail;
  /** ms since 1970, both */
  acceptedAt: number;
  due: number;
  /** BullMQ's number. */
  priority: number;
}

const acceptedNote = ({ id, acceptedAt, due }: Addition): EventNote => ({
  type: 'email.accepted',
  at: acceptedAt,
  id,
  state: due > acceptedAt ? 'scheduled' : 'queued',
});

/** Repeating it with the same ids adds nothing twice. @throws whatever Redis answers; some may have been added then */
export const addEmails = async (redis: Redis, queue: EmailQueue, emails: Addition[]): Promise<void> => {
  const { bull, byTime, byAddress, upkeep } = queue.keys;
  const events = await eventArguments(redis, queue, () => emails.map(acceptedNote));
  const calls: Promise<unknown>[] = [];
  for (let from = 0; from < emails.length; from += AT_ONCE) {
    const args: (string | number)[] = [];
    for (const [n, { id, email, acceptedAt, due, priority }] of emails.slice(from, from + AT_ONCE).entries()) {
      const members = addressMembers(id, email);
      args.push(id, jsonOf(email), acceptedAt, due, priority, Date.parse(email.expiresAt));
      args.push(events?.[from + n] ?? '', members.length, ...members);
    }
    calls.push(addScript(redis, [bull, byTime, byAddress, upkeep], args));
  }
  await Promise.all(calls);
};
