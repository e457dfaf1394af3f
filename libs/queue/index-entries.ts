// The indexes of a queue: emails by time, by address, and by when something must be done about them.
import { normalizeAddress } from '../mail/address';
import { recipientsOf, type StoredEmail } from '../mail/stored-email';
import type { QueueKeys } from '../store/keys';
import type { Redis } from '../store/redis';
import { defineScript } from '../store/script';
import { invertDigits } from './email-id';

/** Between address and id in a member of the index by address; sorts before everything an address may hold. */
const SEPARATOR = '\u0000';

/** Members of the index by address: ascending order is address, then newest first. */
export const addressMembers = (id: string, email: Pick<StoredEmail, 'to' | 'cc' | 'bcc'>): string[] => {
  const addresses = new Set(recipientsOf(email).map(({ address }) => normalizeAddress(address)));
  return [...addresses].map((address) => `${address}${SEPARATOR}${invertDigits(id.slice(2))}`);
};

/** The id in a member of the index by address. */
export const memberId = (member: string): string => `m_${invertDigits(member.slice(member.indexOf(SEPARATOR) + 1))}`;

/** The range of members of one address, or of all addresses that begin so. */
export const addressRange = (recipient: string, after?: string): [min: string, max: string] => {
  const prefix = recipient.endsWith('*')
    ? recipient.slice(0, -1).toLowerCase()
    : `${normalizeAddress(recipient)}${SEPARATOR}`;
  return [after === undefined ? `[${prefix}` : `(${after}`, `[${prefix}\uffff\uffff`];
};

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

/** Takes an email out of the indexes, and with them what was left of its job while it was removed. */
export const leaveIndexes = async (redis: Redis, keys: QueueKeys, id: string, email: StoredEmail): Promise<void> => {
  await redis
    .multi()
    .zrem(keys.byTime, id)
    .zrem(keys.byAddress, ...addressMembers(id, email))
    .zrem(keys.upkeep, id)
    .zrem(keys.finished, id)
    .del(keys.removal(id))
    .exec();
};
