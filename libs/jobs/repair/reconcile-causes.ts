// Compares the index by cause with the emails: those of an earlier version, or moved by a foreign client, are not in it as they are.
import { causeOf, type Cause } from '../../mail/email/cause';
import { parseLogLine, type Attempt } from '../../mail/email/outcome';
import { recipientsOf, type StoredEmail } from '../../mail/email/stored-email';
import type { ResolvedSettings } from '../../mail/settings/settings';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { readRecords, type EmailRecord } from '../layout/email-record';
import { invertDigits } from '../layout/email-id';
import { SEPARATOR } from '../layout/index-entries';
import { PLACE } from '../layout/layout';
import type { EmailQueue } from '../layout/queues';
import { announceCauses } from '../traces/cause-index';
import { causeArgument, CAUSES } from '../traces/enter-cause';

/** Lines of an email's history that are looked through for its last attempt. */
const LINES = 20;

// KEYS: BullMQ's prefix. ARGV: the failed reason that the email must have, since when it stands there (ms), its cause, id.
// Result: 1 where it was missing. Atomic, so that nobody brings it on its way meanwhile.
const enter = defineScript(`${PLACE}${CAUSES}
local prefix, id = KEYS[1], ARGV[4]
local where = place(prefix, id)
if where ~= 'failed' and where ~= 'delayed' then return 0 end
if redis.call('HGET', prefix .. id, 'failedReason') ~= ARGV[1] then return 0 end
local cause = redis.call('HGET', prefix .. id, '${MARK.cause}')
if cause and redis.call('ZSCORE', prefix .. '${BESIDE.byCause}', causeMember(cause, id)) then return 0 end
redis.call('HDEL', prefix .. id, '${MARK.cause}')
enterCause(prefix, id, ARGV[3], ARGV[2])
return 1`);

// KEYS: BullMQ's prefix. ARGV: members. Result: how many were of emails that are not there, were sent, have another cause, or that
// wait and have not failed. Atomic, as above.
const dropStrays = defineScript(`${PLACE}${CAUSES}
local prefix, dropped = KEYS[1], 0
for _, member in ipairs(ARGV) do
  local at = string.find(member, '\\0', 1, true)
  local cause, id = string.sub(member, 1, at - 1), 'm_' .. string.sub(causeMember('', 'm_' .. string.sub(member, at + 1)), 2)
  local where = place(prefix, id)
  local waits = where == 'waiting' or where == 'prioritized' or where == 'delayed'
  local stands = where == 'failed' or where == 'active' or waits and tonumber(redis.call('HGET', prefix .. id, 'atm') or '0') > 0
  if redis.call('HGET', prefix .. id, '${MARK.cause}') ~= cause then
    dropped = dropped + redis.call('ZREM', prefix .. '${BESIDE.byCause}', member)
  elseif not stands then
    leaveCause(prefix, id)
    dropped = dropped + 1
  end
end
local names = redis.call('HKEYS', prefix .. '${BESIDE.causes}')
for _, name in ipairs(names) do
  if not string.find(name, ':', 1, true) and
    redis.call('ZLEXCOUNT', prefix .. '${BESIDE.byCause}', '[' .. name .. '\\0', '(' .. name .. '\\1') == 0 then
    redis.call('HDEL', prefix .. '${BESIDE.causes}', name, name .. ':first', name .. ':last', name .. ':also')
  end
end
return dropped`);

type Scan = (key: string) => AsyncGenerator<string[]>;

export type SettingsOf = (queue: EmailQueue, email: StoredEmail) => Promise<Pick<ResolvedSettings, 'transport'>>;

interface Deps {
  redis: Redis;
  /** For the transport of an email whose history does not say. */
  settingsOf: SettingsOf;
}

const lastAttempt = async ({ redis }: Deps, queue: EmailQueue, id: string): Promise<Attempt | undefined> => {
  const lines = (await redis.lrange(queue.keys.log(id), -LINES, -1)).map(parseLogLine);
  return lines.findLast((line) => line?.kind === 'attempt');
};

const causeIn = async (
  deps: Deps,
  queue: EmailQueue,
  { id, email, failure }: EmailRecord,
): Promise<Cause | undefined> => {
  if (failure === undefined) return undefined;
  const last = await lastAttempt(deps, queue, id);
  return causeOf(failure, {
    replies: last?.replies,
    transport: last?.transport ?? (await deps.settingsOf(queue, email)).transport,
    template: email.template?.name,
    recipients: recipientsOf(email).map(({ address }) => address),
  });
};

/** Emails of these that failed and are not entered, with their failed reasons. */
const missingOf = async ({ redis }: Deps, queue: EmailQueue, ids: string[]): Promise<Map<string, string>> => {
  const { bull, job } = queue.keys;
  const marks = await Promise.all(ids.map((id) => redis.hmget(job(id), MARK.cause, 'failedReason')));
  const memberOf = (id: string, cause = ''): string => cause + SEPARATOR + invertDigits(id.slice(2));
  const scores = await Promise.all(
    ids.map((id, index) => redis.zscore(bull + BESIDE.byCause, memberOf(id, marks[index]?.[0] ?? ''))),
  );
  const missing = new Map<string, string>();
  for (const [index, id] of ids.entries()) {
    const reason = marks[index]?.[1];
    if (scores[index] === null && typeof reason === 'string') missing.set(id, reason);
  }
  return missing;
};

/** Enters those of a set that have no cause and should. */
const enterMissing = async (deps: Deps, queue: EmailQueue, ids: string[], now: number): Promise<number> => {
  const { redis } = deps;
  const missing = await missingOf(deps, queue, ids);
  let entered = 0;
  for (const record of await readRecords(redis, queue, [...missing.keys()])) {
    if (record === undefined || (record.place === 'delayed' && record.attemptsMade === 0)) continue;
    const cause = await causeIn(deps, queue, record);
    if (cause === undefined) continue;
    await announceCauses(redis, queue);
    const at = record.finishedAt ?? now;
    entered += Number(
      await enter(redis, [queue.keys.bull], [missing.get(record.id) ?? '', at, causeArgument(cause), record.id]),
    );
  }
  return entered;
};

/** @returns how many entries were missing or too many @param now ms since 1970 */
export const reconcileCauses = async (deps: Deps, queue: EmailQueue, scan: Scan, now: number): Promise<number> => {
  const { redis } = deps;
  const { bull } = queue.keys;
  let mended = 0;
  for (const set of ['failed', BESIDE.deferred])
    for await (const ids of scan(bull + set)) mended += await enterMissing(deps, queue, ids, now);
  for await (const members of scan(bull + BESIDE.byCause)) mended += Number(await dropStrays(redis, [bull], members));
  if ((await redis.exists(bull + BESIDE.byCause)) === 1) await announceCauses(redis, queue);
  return mended;
};
