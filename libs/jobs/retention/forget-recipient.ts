// One recipient goes out of an email that others have, too: out of its record, its marks, its history and the indexes.
import type { PersonWords } from '../../mail/erasure/person-words';
import { parseLogLine, type LogLine } from '../../mail/email/outcome';
import { readStored, type StoredEmail, type StoredRaw } from '../../mail/email/stored-email';
import { jsonOrText } from '../../mail/json/json-or-text';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { toArchive, type EmailRecord } from '../layout/email-record';
import { addressMembers } from '../layout/index-entries';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';
import type { EmailQueue } from '../layout/queues';
import { lineWithoutContent, withoutContent } from './wipe-content';

// KEYS: BullMQ's prefix, index by address. ARGV: id, '1' where what it says goes, too, data that it must have, data, a line for its log, JSON
// of members to remove, of triples of its fields (name, value it must have, new value), of triples of its log (place, line, new line),
// of pairs of its marks (name, value it must have or '').
// Result: 1, or 0 missing, -1 sending, -4 changed meanwhile. Atomic: it is changed as it was read, or not at all.
const forgetScript = defineScript(`${LAYOUT}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
local _, open = marks(key)
if from == 'active' or open and UNFINISHED[from] then return -1 end
if redis.call('HGET', key, 'data') ~= ARGV[3] then return -4 end
if ARGV[2] == '1' and from ~= 'completed' and from ~= 'failed' then return -4 end
if ARGV[2] == '' and from == 'completed' then return -4 end
local fields, lines, must = cjson.decode(ARGV[7]), cjson.decode(ARGV[8]), cjson.decode(ARGV[9])
for index = 1, #must, 2 do
  if (redis.call('HGET', key, must[index]) or '') ~= must[index + 1] then return -4 end
end
for index = 1, #fields, 3 do
  if redis.call('HGET', key, fields[index]) ~= fields[index + 1] then return -4 end
end
for index = 1, #lines, 3 do
  if redis.call('LINDEX', key .. ':logs', lines[index]) ~= lines[index + 1] then return -4 end
end
redis.call('HSET', key, 'data', ARGV[4])
for index = 1, #fields, 3 do redis.call('HSET', key, fields[index], fields[index + 2]) end
for index = 1, #lines, 3 do redis.call('LSET', key .. ':logs', lines[index], lines[index + 2]) end
redis.call('HDEL', key, '${MARK.archive}')
if ARGV[2] == '1' then
  redis.call('HDEL', key, '${MARK.subject}')
  redis.call('HDEL', prefix .. '${BESIDE.sealed}', id)
end
for _, member in ipairs(cjson.decode(ARGV[6])) do redis.call('ZREM', KEYS[2], member) end
log(prefix, id, ARGV[5])
return 1`);

const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A field of a job, or a line of its log that is none of ours, without the person. */
const withoutPerson = (text: string, words: PersonWords): string => {
  const value = jsonOrText(text);
  return words.areIn(value) ? written(words.takenOutOf(value)) : text;
};

/** What was reported of recipients is a JSON text within a JSON object (libs/mail/reports/reported-mark.ts). */
const reportsWithout = (text: string, words: PersonWords): string => {
  const reports = words.takenOutOf(JSON.parse(text) as Record<string, string>);
  return JSON.stringify(
    Object.fromEntries(Object.entries(reports).map(([name, one]) => [name, withoutPerson(one, words)])),
  );
};

const changedFields = (job: Record<string, string>, words: PersonWords): string[] =>
  Object.entries(job).flatMap(([name, value]) => {
    // The archive goes, and data is made anew.
    if (name === 'data' || name === MARK.archive) return [];
    const next = name === MARK.reported ? reportsWithout(value, words) : withoutPerson(value, words);
    return next === value ? [] : [name, value, next];
  });

const changedLines = (lines: string[], words: PersonWords, wipes: boolean): (string | number)[] =>
  lines.flatMap((line, place) => {
    const wiped = wipes ? lineWithoutContent(parseLogLine(line)) : undefined;
    const next = withoutPerson(wiped === undefined ? line : JSON.stringify(wiped), words);
    return next === line ? [] : [place, line, next];
  });

/** The email without the person among its recipients, or those that it had; everything else as it is. */
export const withoutRecipient = (email: StoredEmail, { takenOutOf }: PersonWords): StoredEmail => ({
  ...email,
  rev: email.rev + 1,
  to: takenOutOf(email.to),
  ...(email.cc && { cc: takenOutOf(email.cc) }),
  ...(email.bcc && { bcc: takenOutOf(email.bcc) }),
  ...(email.formerly && { formerly: takenOutOf(email.formerly) }),
  forgotten: (email.forgotten ?? 0) + 1,
});

/** What a worker, or a report, may write while the email is looked at. */
const MEANWHILE = [MARK.archive, MARK.reported, MARK.done];

/**
 * @param record as it was read; the email stays as it is where it was changed since
 * @param how.wipes everything that it says goes as well, which an email that ended can do without; else what it says must not name the
 * person. The archive goes in any case.
 * @returns the email as it is now, and the archive that it had, of which the caller lets go; or why it is not
 */
export const forgetRecipient = async (
  redis: Redis,
  queue: EmailQueue,
  { id, email }: EmailRecord,
  words: PersonWords,
  how: { wipes: boolean; line: LogLine },
): Promise<{ after: StoredEmail; archive: StoredRaw | undefined } | { refusal: Refusal }> => {
  const { bull, byAddress, job: keyOf, log } = queue.keys;
  const [job, lines] = [await redis.hgetall(keyOf(id)), await redis.lrange(log(id), 0, -1)];
  if (job['data'] === undefined) return { refusal: 'missing' };
  if (readStored(job['data']).rev !== email.rev) return { refusal: 'changed' };
  const archive = toArchive(job[MARK.archive]);
  const left = withoutRecipient(email, words);
  const after = how.wipes ? words.takenOutOf({ ...withoutContent(left, archive), rev: left.rev }) : left;
  const fresh = addressMembers(id, after);
  const refusal = readRefusal(
    await forgetScript(
      redis,
      [bull, byAddress],
      [
        id,
        how.wipes ? '1' : '',
        job['data'],
        JSON.stringify(after),
        JSON.stringify(how.line),
        JSON.stringify(addressMembers(id, email).filter((member) => !fresh.includes(member))),
        JSON.stringify(changedFields(job, words)),
        JSON.stringify(changedLines(lines, words, how.wipes)),
        JSON.stringify(MEANWHILE.flatMap((name) => [name, job[name] ?? ''])),
      ],
    ),
  );
  return refusal === undefined ? { after, archive } : { refusal };
};
