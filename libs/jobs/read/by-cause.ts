// Finds emails by why they stand unsent, newest first, and says how many stand in each cause.
import type { Cause } from '../../mail/email/cause';
import { BESIDE, queueKeys } from '../../store/redis/keys';
import type { QueueAddress } from '../../mail/address/queue-address';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { invertDigits } from '../layout/email-id';
import { ANY_REPLY } from '../traces/enter-cause';
import type { Source } from './by-address';

/** What an email's cause must have; all that is given. */
export interface CauseFilter {
  /** Of the failure. Emails that a person held or canceled have no cause: those two are found by their state. */
  code?: string | undefined;
  /** A reply code, an enhanced one, or both: `550`, `5.1.1`, `550 5.1.1`; what was said to other recipients counts. */
  reply?: string | undefined;
  transport?: string | undefined;
  template?: string | undefined;
  /** The id of an incident. */
  incident?: string | undefined;
}

const isReply = (wanted: string, said: string): boolean => {
  const parts = said.split(' ');
  return said === ANY_REPLY || wanted.split(' ').every((part) => parts.includes(part));
};

const matches = (filter: CauseFilter, name: string, cause: Cause): boolean =>
  (filter.incident ?? name) === name &&
  (filter.code ?? cause.code) === cause.code &&
  (filter.transport ?? cause.transport) === cause.transport &&
  (filter.template ?? cause.template) === cause.template &&
  (filter.reply === undefined ||
    [cause.reply ?? '', ...(cause.also ?? [])].some((said) => isReply(filter.reply ?? '', said)));

/** Names of causes have no colon; what is told of them has. */
const causesIn = (fields: Record<string, string>): [string, Cause][] =>
  Object.entries(fields).flatMap(([name, text]): [string, Cause][] => {
    if (name.includes(':')) return [];
    const also = (fields[`${name}:also`] ?? '').split('|').filter((one) => one !== '');
    return [[name, { ...(JSON.parse(text) as Cause), also }]];
  });

// Each cause is in the order that is asked for, newest first: the least of their next members is taken, again and again.
// KEYS: the index. ARGV: the inverted digits to begin after or '', how many, names of causes. Result: inverted digits. Atomic, so
// that an email that gets another cause meanwhile is given once.
const mergeCauses = defineScript(`
local index, after, most = KEYS[1], ARGV[1], tonumber(ARGV[2])
local portion = math.max(8, math.ceil(2 * most / (#ARGV - 2)))
local heads = {}
local function read(head, min)
  local max = '(' .. head.cause .. '\\1'
  head.members, head.at = redis.call('ZRANGEBYLEX', index, min, max, 'LIMIT', 0, portion), 1
  head.more = #head.members == portion
end
for position = 3, #ARGV do
  local head = {cause = ARGV[position]}
  read(head, after == '' and '[' .. head.cause .. '\\0' or '(' .. head.cause .. '\\0' .. after)
  if #head.members > 0 then heads[#heads + 1] = head end
end
local found = {}
while #found < most and #heads > 0 do
  local first, least
  for position, head in ipairs(heads) do
    local digits = string.sub(head.members[head.at], #head.cause + 2)
    if not least or digits < least then first, least = position, digits end
  end
  found[#found + 1] = least
  local head = heads[first]
  head.at = head.at + 1
  if head.at > #head.members and head.more then read(head, '(' .. head.members[#head.members]) end
  if head.at > #head.members then table.remove(heads, first) end
end
return found`);

/** Those whose cause matches, newest first. An email may have left since: whoever lists reads it. */
export const byCause =
  (redis: Redis, bull: string, filter: CauseFilter): Source =>
  async (after, count) => {
    const names = causesIn(await redis.hgetall(bull + BESIDE.causes)).flatMap(([name, cause]) =>
      matches(filter, name, cause) ? [name] : [],
    );
    if (names.length === 0) return { entries: [] };
    const from = after === undefined ? '' : invertDigits(after.slice(2));
    const digits = (await mergeCauses(redis, [bull + BESIDE.byCause], [from, count, ...names])) as string[];
    const ids = digits.map((one) => `m_${invertDigits(one)}`);
    return { entries: ids.map((id) => ({ id, cursor: id })), next: ids.length === count ? ids.at(-1) : undefined };
  };

/** The emails of one queue that stand in one cause. */
export interface CauseInQueue {
  /** The same in every queue. */
  name: string;
  cause: Cause;
  count: number;
  /** Since when there have been some, and when the last one came; ms since 1970. */
  firstAt: number;
  lastAt: number;
  /** Ids of the newest ones. */
  examples: string[];
}

// KEYS: the index, the causes. ARGV: examples at most. Result: of each cause: name, JSON, how many, since when, when last, inverted
// digits of the newest. Atomic, so that what is told of a cause is of one moment.
const readCauses = defineScript(`
local fields, result = redis.call('HGETALL', KEYS[2]), {}
for index = 1, #fields, 2 do
  local cause = fields[index]
  if not string.find(cause, ':', 1, true) then
    local from, to = '[' .. cause .. '\\0', '(' .. cause .. '\\1'
    local digits = {}
    for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, to, 'LIMIT', 0, ARGV[1])) do
      digits[#digits + 1] = string.sub(member, #cause + 2)
    end
    local times = redis.call('HMGET', KEYS[2], cause .. ':first', cause .. ':last')
    result[#result + 1] = {cause, fields[index + 1], redis.call('ZLEXCOUNT', KEYS[1], from, to), times[1], times[2], digits}
  end
end
return result`);

type Row = [name: string, cause: string, count: number, firstAt: string, lastAt: string, digits: string[]];

/** @param examples ids at most for each cause */
export const readCausesOf = async (redis: Redis, address: QueueAddress, examples: number): Promise<CauseInQueue[]> => {
  const { bull } = queueKeys(address);
  const rows = (await readCauses(redis, [bull + BESIDE.byCause, bull + BESIDE.causes], [examples])) as Row[];
  return rows.flatMap(([name, cause, count, firstAt, lastAt, digits]) =>
    count === 0
      ? []
      : [
          {
            name,
            cause: JSON.parse(cause) as Cause,
            count,
            firstAt: Number(firstAt),
            lastAt: Number(lastAt),
            examples: digits.map((one) => `m_${invertDigits(one)}`),
          },
        ],
  );
};
