// Finds emails by recipient in the index by address: one address, all of a domain, or all that begin so.
import type { RecipientPattern } from '../../mail/address/recipient-pattern';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { memberId, MESSAGE_IDS, SEPARATOR } from '../layout/index-entries';

/** An id of the list, and the cursor that goes on after it. */
export interface Entry {
  id: string;
  cursor: string;
}

/** Some of a list, and where it goes on; nothing where it ends. */
export interface Entries {
  entries: Entry[];
  next?: string | undefined;
}

/** Gives the next ids after a cursor, in the order of the list; may give fewer than asked for although there are more. */
export type Source = (after: string | undefined, count: number) => Promise<Entries>;

/** Domains that one question may look into. */
const DOMAINS_AT_ONCE = 500;

// The same local part in many domains: the index is in the order of domains, so each domain is looked into once.
// KEYS: the index. ARGV: the cursor or '', how the domains begin, how the local part and what follows it begin, how many, domains
// at most, where domains end. Result: {members, the cursor to go on with or ''}. A cursor is a member, or a domain and the byte after the
// separator: the first domain after it. Atomic only to save round trips.
const throughDomains = defineScript(`
local index, cursor, domains, rest, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local found = {}
local function look(domain, min)
  local max = '[' .. domain .. '\\0' .. rest .. '\\255'
  local members = redis.call('ZRANGEBYLEX', index, min or '[' .. domain .. '\\0' .. rest, max, 'LIMIT', 0, most - #found)
  for _, member in ipairs(members) do found[#found + 1] = member end
  return '[' .. domain .. '\\1'
end
local function domainOf(member)
  local at = string.find(member, '\\0', 1, true)
  return at and string.sub(member, 1, at - 1)
end
local low = '[' .. domains
if cursor ~= '' then
  local domain = domainOf(cursor)
  low = domain and look(domain, '(' .. cursor) or '[' .. cursor
end
for _ = 1, tonumber(ARGV[5]) do
  if #found == most then return {found, found[most]} end
  local first = redis.call('ZRANGEBYLEX', index, low, domains == '' and ARGV[6] or '[' .. domains .. '\\255', 'LIMIT', 0, 1)[1]
  if not first then return {found, ''} end
  low = look(domainOf(first))
end
return {found, #found == most and found[most] or string.sub(low, 2)}`);

const entryOf = (member: string): Entry => ({ id: memberId(member), cursor: member });

/** Where domains end and Message-IDs begin. */
const END_OF_DOMAINS = `(${MESSAGE_IDS}`;

/** After everything that begins so: no byte of UTF-8 is greater. */
const beyond = (prefix: string): Buffer | string =>
  prefix === '' ? END_OF_DOMAINS : Buffer.concat([Buffer.from(`[${prefix}`), Buffer.from([0xff])]);

/** All members that begin so, in their order. */
export const byRange =
  (redis: Redis, index: string, prefix: string): Source =>
  async (after, count) => {
    const min = after === undefined ? `[${prefix}` : `(${after}`;
    const members = await redis.zrangebylex(index, min, beyond(prefix), 'LIMIT', 0, count);
    return { entries: members.map(entryOf), next: members.length === count ? members.at(-1) : undefined };
  };

/** In the order of domains, then of local parts, then newest first. */
export const byAddress = (redis: Redis, index: string, { local, domain }: RecipientPattern): Source => {
  const rest = local.endsWith('*') ? local.slice(0, -1) : local + SEPARATOR;
  if (!domain.endsWith('*')) return byRange(redis, index, domain + SEPARATOR + rest);
  const domains = domain.slice(0, -1);
  if (rest === '') return byRange(redis, index, domains);
  return async (after, count) => {
    const args = [after ?? '', domains, rest, count, DOMAINS_AT_ONCE, END_OF_DOMAINS];
    const [members, next] = (await throughDomains(redis, [index], args)) as [string[], string];
    return { entries: members.map(entryOf), next: next === '' ? undefined : next };
  };
};

const ADDRESSES_AT_ONCE = 1_000;

/** Every address that emails are found by, some at a time; one may come twice. */
export async function* addressesIn(redis: Redis, index: string): AsyncGenerator<string[]> {
  const all = byRange(redis, index, '');
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const { entries, next } = await all(after, ADDRESSES_AT_ONCE);
    const addresses = entries.map(({ cursor }) => {
      const [domain = '', local = ''] = cursor.split(SEPARATOR);
      return `${local}@${domain}`;
    });
    yield [...new Set(addresses)];
    after = next;
  }
}
