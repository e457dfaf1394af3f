// What an email said goes, what became of it stays: subject, bodies, data, attachments and headers, and the message as it was sent.
import { parseLogLine, type LogLine } from '../../mail/email/outcome';
import { contentsOf, WIPED_FORMAT, type StoredEmail, type StoredRaw } from '../../mail/email/stored-email';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailRecord } from '../layout/email-record';
import { PLACE } from '../layout/layout';
import type { EmailQueue } from '../layout/queues';
import { SECRET_FIELDS } from '../layout/sealed-email';

// KEYS: BullMQ's prefix. ARGV: id, version that it must have, data, then of each line of its log that changes: place, the line, what stands
// there then. Result: 1, or 0 where it has not ended or was changed. Atomic, so that nobody corrects or releases half an email.
const wipeScript = defineScript(`${PLACE}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
local from = place(prefix, id)
if from ~= 'completed' and from ~= 'failed' then return 0 end
if cjson.decode(redis.call('HGET', key, 'data')).rev ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', key, 'data', ARGV[3])
redis.call('HDEL', key, '${MARK.subject}', '${MARK.archive}')
redis.call('HDEL', prefix .. '${BESIDE.sealed}', id)
for index = 4, #ARGV, 3 do
  if redis.call('LINDEX', key .. ':logs', ARGV[index]) == ARGV[index + 1] then
    redis.call('LSET', key .. ':logs', ARGV[index], ARGV[index + 2])
  end
end
return 1`);

const CONTENT: ReadonlySet<string> = new Set([...SECRET_FIELDS, 'raw']);

const withoutSubject = (raw: StoredRaw): StoredRaw =>
  Object.fromEntries(Object.entries(raw).filter(([name]) => name !== 'subject')) as unknown as StoredRaw;

/** What is left of an email without what it says. @param archive its message as it was sent */
export const withoutContent = (email: StoredEmail, archive: StoredRaw | undefined): StoredEmail => {
  const rest = Object.entries(email).filter(([name]) => name !== 'sealed' && !CONTENT.has(name));
  const archived = archive === undefined ? [] : [{ contentId: archive.contentId, size: archive.size }];
  return {
    ...(Object.fromEntries(rest) as unknown as StoredEmail),
    v: WIPED_FORMAT,
    rev: email.rev + 1,
    // Its senders and its Message-ID, which it is found by.
    ...(email.raw && { raw: withoutSubject(email.raw) }),
    contents: [...contentsOf(email), ...archived],
    contentWiped: true,
  };
};

const WIPED = { before: '(wiped)', after: '(wiped)' };

/** A line of its history without what corrections changed of its contents; undefined where it has nothing of it. */
export const lineWithoutContent = (line: LogLine | undefined): LogLine | undefined => {
  if (line?.kind !== 'change' || line.fields === undefined) return undefined;
  const fields = Object.entries(line.fields);
  if (!fields.some(([name]) => CONTENT.has(name))) return undefined;
  return { ...line, fields: Object.fromEntries(fields.map(([name, one]) => [name, CONTENT.has(name) ? WIPED : one])) };
};

/**
 * The contents of an email that ended are its own no more; whoever asks for this lets go of them afterwards.
 * @returns the email as it is then, undefined where it was changed meanwhile
 */
export const wipeContent = async (
  redis: Redis,
  queue: EmailQueue,
  { id, email, archive }: EmailRecord,
): Promise<StoredEmail | undefined> => {
  const lines = await redis.lrange(queue.keys.log(id), 0, -1);
  const changed = lines.flatMap((line, place) => {
    const fresh = lineWithoutContent(parseLogLine(line));
    return fresh === undefined ? [] : [place, line, JSON.stringify(fresh)];
  });
  const after = withoutContent(email, archive);
  const args = [id, email.rev, JSON.stringify(after), ...changed];
  return (await wipeScript(redis, [queue.keys.bull], args)) === 1 ? after : undefined;
};
