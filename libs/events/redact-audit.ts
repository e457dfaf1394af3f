// Takes one person out of the audit of a tenant: a stream cannot be changed, so a copy without the person takes its place.
import type { PersonWords } from '../mail/erasure/person-words';
import { KEYS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { defineScript } from '../store/redis/script';
import type { AuditEntry } from './audit';

/** Entries that Redis is given, or asked for, at once. */
const CHUNK = 500;
/** What a run leaves that died in the midst goes after this. Seconds. */
const COPY_KEPT_S = 600;

// KEYS: the copy. ARGV: seconds that it is kept, then pairs of an entry's id and line. Result: 1. Atomic, so that none stays for good.
const append = defineScript(`
for index = 2, #ARGV, 2 do redis.call('XADD', KEYS[1], ARGV[index], 'entry', ARGV[index + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1`);

// KEYS: the audit, the copy, how many copies have taken its place. ARGV: how many there were when this one was begun, the id of the last
// entry that it has. Result: 1, 0 where another copy was faster, or -1 where the audit has entries that the copy lacks. Atomic: no
// entry that is written meanwhile is lost, and no copy brings back what another one is without.
const swap = defineScript(`
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[1] then return 0 end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last and last[1] ~= ARGV[2] then return -1 end
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PERSIST', KEYS[1])
redis.call('INCR', KEYS[3])
return 1`);

/** Who is taken out, and of which entries. */
export interface PersonInAudit {
  tenant: string;
  words: PersonWords;
  /** What was written later stays, ms since 1970. */
  before: number;
}

/** Who did what and when stays: nobody gets rid of that by having a person erased. */
const redacted = (entry: AuditEntry, { tenant, words, before }: PersonInAudit): AuditEntry | undefined => {
  const { target, reason, fields } = entry;
  if (entry.tenant !== tenant || Date.parse(entry.at) > before || !words.areIn([target, reason, fields]))
    return undefined;
  return {
    ...entry,
    ...words.takenOutOf({ ...(target && { target }), ...(reason && { reason }), ...(fields && { fields }) }),
  };
};

async function* entriesAfter(redis: Redis, after: string): AsyncGenerator<[id: string, line: string][]> {
  for (let from = after; ;) {
    const rows = await redis.xrange(KEYS.audit, from === '' ? '-' : `(${from}`, '+', 'COUNT', CHUNK);
    if (rows.length > 0) yield rows.map(([id, [, line = '{}']]) => [id, line]);
    if (rows.length < CHUNK) return;
    from = rows.at(-1)?.[0] ?? from;
  }
}

const lineWithout = (line: string, person: PersonInAudit): string => {
  const next = redacted(JSON.parse(line) as AuditEntry, person);
  return next === undefined ? line : JSON.stringify(next);
};

/** @returns how many entries of the tenant name the person */
export const countInAudit = async (redis: Redis, person: PersonInAudit): Promise<number> => {
  let count = 0;
  for await (const rows of entriesAfter(redis, ''))
    count += rows.filter(([, line]) => lineWithout(line, person) !== line).length;
  return count;
};

/**
 * May be repeated. Entries that are written meanwhile are kept.
 * @param name of the copy, which nobody else makes at the same time
 * @returns how many entries were changed
 */
export const redactAudit = async (redis: Redis, person: PersonInAudit, name: string): Promise<number> => {
  for (;;) {
    if ((await countInAudit(redis, person)) === 0) return 0;
    const { copy, copies } = KEYS.auditCopy(name);
    const version = (await redis.get(copies)) ?? '0';
    await redis.unlink(copy);
    let [last, changed, answer]: [string, number, unknown] = ['', 0, -1];
    while (answer === -1) {
      for await (const rows of entriesAfter(redis, last)) {
        const lines = rows.map(([id, line]): [string, string, string] => [id, line, lineWithout(line, person)]);
        changed += lines.filter(([, before, after]) => before !== after).length;
        await append(redis, [copy], [COPY_KEPT_S, ...lines.flatMap(([id, , after]) => [id, after])]);
        last = lines.at(-1)?.[0] ?? last;
      }
      answer = await swap(redis, [KEYS.audit, copy, copies], [version, last]);
    }
    if (answer === 1) return changed;
  }
};
