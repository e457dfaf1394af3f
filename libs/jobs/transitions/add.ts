// Into the send queue: any number of emails with their index entries in one call.
import { isApproved, WAITS_FOR_APPROVAL } from '../../mail/email/approval';
import { causeOf } from '../../mail/email/cause';
import type { EventNote } from '../../mail/email/event';
import { writeFailure } from '../../mail/email/failure';
import { jsonOf, type StoredEmail } from '../../mail/email/stored-email';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { announceCauses } from '../traces/cause-index';
import { causeArgument, CAUSES } from '../traces/enter-cause';
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

// KEYS: BullMQ's prefix, by time, by address, finished. ARGV: id, data, accepted, BullMQ's priority, when it expires, failed reason, its
// cause (enter-cause.ts), its two events or '', members of the index by address. Result: 1, or 0 where it is there already. Atomic, as
// above; no worker ever sees it waiting.
const addHeldScript = defineScript(`${LAYOUT}${ENTER_INDEXES}${CAUSES}${OUTBOX}${TALLY}${SEALED}
local prefix, id, accepted = KEYS[1], ARGV[1], ARGV[3]
local key = prefix .. id
if redis.call('EXISTS', key) == 1 then return 0 end
enterIndexes(KEYS[2], KEYS[3], KEYS[4], id, ARGV[5], ARGV, 10, #ARGV)
redis.call('HSET', key, 'name', '${JOB_NAME}', 'data', ARGV[2], 'timestamp', accepted, '${MARK.ended}', '1')
noteSealed(prefix, id, ARGV[2])
if ARGV[4] ~= '0' then redis.call('HSET', key, 'priority', ARGV[4]) end
enterFailed(prefix, id, ARGV[6], accepted)
enterCause(prefix, id, ARGV[7], accepted)
tellEvent(prefix, ARGV[8])
tellEvent(prefix, ARGV[9])
tally(prefix, '${ACCEPTED}', accepted, 1)
return 1`);

const WAITS = [writeFailure(WAITS_FOR_APPROVAL), causeArgument(causeOf(WAITS_FOR_APPROVAL))];

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

const heldNotes = ({ id, acceptedAt }: Addition): EventNote[] =>
  (['email.accepted', 'email.held'] as const).map((type) => {
    return { type, at: acceptedAt, id, state: 'held', code: WAITS_FOR_APPROVAL.code };
  });

/** An email that needs an approval stands in the error log at once, until its time is over. */
const addHeld = async (redis: Redis, queue: EmailQueue, addition: Addition): Promise<void> => {
  const { id, email, acceptedAt, priority } = addition;
  const { bull, byTime, byAddress, finished } = queue.keys;
  await announceCauses(redis, queue);
  const [accepted = '', held = ''] = (await eventArguments(redis, queue, () => heldNotes(addition))) ?? [];
  const args = [id, jsonOf(email), acceptedAt, priority, Date.parse(email.expiresAt), ...WAITS, accepted, held];
  await addHeldScript(redis, [bull, byTime, byAddress, finished], [...args, ...addressMembers(id, email)]);
};

const addReady = async (redis: Redis, queue: EmailQueue, emails: Addition[]): Promise<void> => {
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

/** Repeating it with the same ids adds nothing twice. @throws whatever Redis answers; some may have been added then */
export const addEmails = async (redis: Redis, queue: EmailQueue, emails: Addition[]): Promise<void> => {
  const held = emails.filter(({ email }) => !isApproved(email));
  if (held.length === 0) return addReady(redis, queue, emails);
  await addReady(
    redis,
    queue,
    emails.filter(({ email }) => isApproved(email)),
  );
  for (const one of held) await addHeld(redis, queue, one);
};
