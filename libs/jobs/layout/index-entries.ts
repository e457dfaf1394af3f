// The indexes of a queue: emails by time, by address, and by when something must be done about them.
import { createHash } from 'node:crypto';
import { searchForm } from '../../mail/address/recipient-pattern';
import { recipientsOf, type StoredEmail } from '../../mail/email/stored-email';
import type { QueueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { invertDigits } from './email-id';

/** Between the parts of a member of the index by address; sorts before everything an address may hold. */
export const SEPARATOR = '\u0000';

/** The addresses under which an email is found: those of its recipients now, and those that a correction took away. */
const addressesOf = (email: Indexed): string[] => [
  ...recipientsOf(email).map(({ address }) => address),
  ...(email.formerly ?? []),
];

type Indexed = Pick<StoredEmail, 'to' | 'cc' | 'bcc' | 'formerly' | 'raw'>;

/** Stands in the place of a domain where a member is of a Message-ID: no domain has such a character, and it sorts after all. */
export const MESSAGE_IDS = '\u{10fffd}';

/** How members of a Message-ID begin. One of ours (`id@domain`) has none: the id is read out of it. */
export const messageIdPrefix = (messageId: string): string =>
  [MESSAGE_IDS, createHash('sha256').update(messageId).digest('base64url').slice(0, 10), ''].join(SEPARATOR);

const membersKnown = new WeakMap<Indexed, { id: string; members: string[] }>();

/**
 * Members of the index by address: ascending order is domain, local part, then newest first. So one member answers for the
 * address and for its domain; a second one would take as much memory again. A complete message with a Message-ID of its own
 * has one member more, for that. Made once of an email, since nobody changes one that was made.
 */
export const addressMembers = (id: string, email: Indexed): string[] => {
  const known = membersKnown.get(email);
  if (known?.id === id) return known.members;
  const digits = invertDigits(id.slice(2));
  const all = addressesOf(email).map((address) => addressMember(address, digits));
  if (email.raw?.messageId !== undefined) all.push(messageIdPrefix(email.raw.messageId) + digits);
  const members = [...new Set(all)];
  membersKnown.set(email, { id, members });
  return members;
};

/** @param digits of the id, inverted */
const addressMember = (address: string, digits: string): string => {
  const { local, domain } = searchForm(address);
  return [domain, local, digits].join(SEPARATOR);
};

/** The id in a member of the index by address. */
export const memberId = (member: string): string =>
  `m_${invertDigits(member.slice(member.lastIndexOf(SEPARATOR) + 1))}`;

/** In Lua: enters one email; its members by address stand in `list` from `first` to `last`. */
export const ENTER_INDEXES = `
local function enterIndexes(byTime, byAddress, upkeep, id, expires, list, first, last)
  redis.call('ZADD', byTime, 0, id)
  redis.call('ZADD', upkeep, expires, id)
  for index = first, last do redis.call('ZADD', byAddress, 0, list[index]) end
end
`;

// KEYS: by time, by address, upkeep. ARGV: a JSON list of {id, expires, members}. One round trip for any number.
const addToIndexes = defineScript(`${ENTER_INDEXES}
for _, entry in ipairs(cjson.decode(ARGV[1])) do
  enterIndexes(KEYS[1], KEYS[2], KEYS[3], entry[1], entry[2], entry, 3, #entry)
end
return 1`);

/** Enters emails whose jobs are there. */
export const enterIndexes = async (
  redis: Redis,
  keys: QueueKeys,
  entries: { id: string; email: StoredEmail }[],
): Promise<void> => {
  const rows = entries.map(({ id, email }) => [id, String(Date.parse(email.expiresAt)), ...addressMembers(id, email)]);
  await addToIndexes(redis, [keys.byTime, keys.byAddress, keys.upkeep], [JSON.stringify(rows)]);
};

// KEYS: by address, three sorted sets of ids, what was left of the job. ARGV: id, members by address. Result: 1. Atomic, so that an email
// which is found at all is found by everything.
const leaveAll = defineScript(`
for index = 2, #ARGV do redis.call('ZREM', KEYS[1], ARGV[index]) end
for index = 2, 4 do redis.call('ZREM', KEYS[index], ARGV[1]) end
redis.call('DEL', KEYS[5])
return 1`);

/** Takes an email out of the indexes, and with them what was left of its job while it was removed. */
export const leaveIndexes = async (redis: Redis, keys: QueueKeys, id: string, email: StoredEmail): Promise<void> => {
  const indexes = [keys.byAddress, keys.byTime, keys.upkeep, keys.finished, keys.removal(id)];
  await leaveAll(redis, indexes, [id, ...addressMembers(id, email)]);
};

// KEYS: by address, the job of an email, what was left of it while it is removed. ARGV: the member. Result: 1, or 0 where the email is there, or
// its removal goes on. Atomic, so that nothing is taken away of an email that can be found.
const leaveOne = defineScript(`
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1`);

/** Takes away an entry by address that leads to no email. @returns whether it did */
export const leaveIndex = async (redis: Redis, keys: QueueKeys, id: string, address: string): Promise<boolean> =>
  (await leaveOne(
    redis,
    [keys.byAddress, keys.job(id), keys.removal(id)],
    [addressMember(address, invertDigits(id.slice(2)))],
  )) === 1;

/** Members of the earlier index that are taken over at once. */
const TAKEN_OVER = 500;

/** Takes over the index by address of earlier versions: `address\0inverted id`, in the order of local parts. */
export const takeOverIndex = async (redis: Redis, keys: QueueKeys): Promise<void> => {
  for (;;) {
    const members = await redis.zrange(keys.byAddressBefore, 0, String(TAKEN_OVER - 1));
    if (members.length === 0) return;
    const fresh = members.flatMap((member) => {
      const [address = '', digits = ''] = member.split(SEPARATOR);
      return [0, addressMember(address, digits)];
    });
    await redis.zadd(keys.byAddress, ...fresh);
    await redis.zrem(keys.byAddressBefore, ...members);
  }
};
