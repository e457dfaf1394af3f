// What is reported of an email after it was sent is written beside it: its state stays, its recipients gain what became of them.
import type { EventNote } from '../../mail/email/event';
import type { State } from '../../mail/email/state';
import type { ReportedKind, ReportedRecipient } from '../../mail/reports/report';
import { reportName } from '../../mail/reports/reported-mark';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';
import { eventArgument, OUTBOX } from './outbox';

/** Beyond so many bytes of reports on one email the words of servers are left out. */
const MOST_BYTES = 64 * 1024;

// KEYS: BullMQ's prefix. ARGV: id, how many bytes may be held before words are left out, then for each report: its kind and recipient,
// what is kept, the same without words, the event that tells of it or ''. Result: 0 where the email is gone; else per report 1 where
// that was not known of the recipient before. Atomic: of two reports at once neither takes the other away, and an event tells of what
// is written.
const note = defineScript(`${OUTBOX}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
if redis.call('EXISTS', key) == 0 then return 0 end
local text = redis.call('HGET', key, '${MARK.reported}')
local known = text and cjson.decode(text) or {}
local bytes = text and #text or 0
local result = {}
for index = 3, #ARGV, 4 do
  local name, event = ARGV[index], ARGV[index + 3]
  local isNew = not known[name]
  local kept = bytes < tonumber(ARGV[2]) and ARGV[index + 1] or ARGV[index + 2]
  known[name] = kept
  bytes = bytes + #kept
  if isNew then tellEvent(prefix, event) end
  result[#result + 1] = isNew and 1 or 0
end
if #result > 0 then redis.call('HSET', key, '${MARK.reported}', cjson.encode(known)) end
return result`);

export interface RecipientNote extends Omit<ReportedRecipient, 'at'> {
  kind: ReportedKind;
}

const EVENTS = { bounced: 'email.bounced', complained: 'email.complained' } as const;

/** What is told of it: of deliveries and delays nothing. */
const eventOf = (
  { kind, status }: RecipientNote,
  about: Pick<EventNote, 'id' | 'at' | 'state'>,
): EventNote | undefined =>
  kind === 'bounced' || kind === 'complained' ? { type: EVENTS[kind], ...about, reply: status } : undefined;

/**
 * The last report of each kind counts for each recipient; an event tells of the first.
 * @param now ms since 1970
 * @returns which of them were new, by their index; undefined where the email is not there any more
 */
export const noteReports = async (
  redis: Redis,
  queue: EmailQueue,
  { id, state }: { id: string; state: State },
  notes: readonly RecipientNote[],
  now: number,
): Promise<boolean[] | undefined> => {
  const at = new Date(now).toISOString();
  const args: (string | number)[] = [id, MOST_BYTES];
  for (const one of notes) {
    const { kind, recipient, status, diagnostic } = one;
    const short: ReportedRecipient = { recipient, ...(status !== undefined && { status }), at };
    const full = { ...short, ...(diagnostic !== undefined && { diagnostic }) };
    const event = await eventArgument(redis, queue, eventOf(one, { id, state, at: now }));
    args.push(reportName(kind, recipient), JSON.stringify(full), JSON.stringify(short), event);
  }
  const answer = await note(redis, [queue.keys.bull], args);
  return answer === 0 ? undefined : (answer as number[]).map((one) => one === 1);
};
