// A confidential email as its job holds it: whom it goes to is in clear, what it says is sealed.
import type { QueueAddress } from '../../mail/address/queue-address';
import { queueName } from '../../mail/address/queue-address';
import { LARGE_PARTS, SEALED_FORMAT, type PartInStore, type StoredEmail } from '../../mail/email/stored-email';
import { BESIDE } from '../../store/redis/keys';
import type { SecretBox } from '../../store/redis/secret-box';

/** What a confidential email says. Everything else is needed to administer it, and stays in clear. */
export const SECRET_FIELDS = [
  'subject',
  'html',
  'text',
  'data',
  'dataUrl',
  'stored',
  'attachments',
  'headers',
] as const satisfies (keyof StoredEmail)[];

/** What is sealed: the fields, and the key (base64) that its contents in the store are sealed with. */
type Secret = Pick<StoredEmail, (typeof SECRET_FIELDS)[number]> & { key: string };

/** It cannot be opened as an email of another queue. */
export const sealedAt = (address: QueueAddress): string => `email ${queueName(address)}`;

/**
 * Seals what an email says.
 * @param key 32 bytes, of this email alone: its contents were sealed with it
 * @param contents those, as they are kept
 */
export const sealEmail = (
  box: SecretBox,
  address: QueueAddress,
  email: StoredEmail,
  { key, contents }: { key: Buffer; contents: PartInStore[] },
): StoredEmail => {
  const secret: Secret = { key: key.toString('base64') };
  const clear: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(email))
    ((SECRET_FIELDS as readonly string[]).includes(name) ? (secret as unknown as typeof clear) : clear)[name] = value;
  const { raw } = email;
  return {
    // First: scripts find it there.
    sealed: box.seal(JSON.stringify(secret), sealedAt(address)),
    ...(clear as unknown as StoredEmail),
    // What a message says of itself to be sent stays, its subject not.
    ...(raw && { raw: Object.fromEntries(Object.entries(raw).filter(([name]) => name !== 'subject')) as typeof raw }),
    v: SEALED_FORMAT,
    confidential: true,
    contents,
  };
};

/** A confidential email in its plain form; only in memory. */
export interface OpenedEmail {
  /** Html, text and data are in it; attachments and a complete message are contents, sealed with `key`. */
  email: StoredEmail;
  key: Buffer;
}

/**
 * @param readContent reads a content that was sealed with a key
 * @throws SecretKeyMissing; what `readContent` throws
 */
export const openEmail = async (
  box: SecretBox,
  address: QueueAddress,
  { sealed = '', ...clear }: StoredEmail,
  readContent: (key: Buffer, contentId: string) => Promise<Buffer>,
): Promise<OpenedEmail> => {
  const { key: encoded, stored = {}, ...secret } = JSON.parse(box.open(sealed, sealedAt(address))) as Secret;
  const key = Buffer.from(encoded, 'base64');
  const email: StoredEmail = { ...clear, ...secret };
  // Those are sizes of sealed bytes.
  delete email.contents;
  for (const part of LARGE_PARTS) {
    const place = stored[part];
    if (place === undefined) continue;
    const text = (await readContent(key, place.contentId)).toString('utf8');
    Object.assign(email, { [part]: part === 'data' ? (JSON.parse(text) as unknown) : text });
  }
  return { email, key };
};

/** In Lua: notes the key that the data of an email is sealed with, where it is (`BESIDE.sealed`). */
export const SEALED = `
local function noteSealed(prefix, id, data)
  local key = string.match(data, '^{"sealed":"v1%.([%w_-]+)%.')
  if key then redis.call('HSET', prefix .. '${BESIDE.sealed}', id, key) end
end
`;

/** In Lua: what was wiped since somebody read it is not written back. */
export const WIPED = `
local function isSealed(data) return string.sub(data, 1, 10) == '{"sealed":' end
local function wipedSince(data, new) return isSealed(new) and not isSealed(data) end
`;

/** In Lua: wipes what a confidential email says out of its job. What is sealed is the first member of the data. */
export const WIPE = `
local function wipe(prefix, id)
  local key = prefix .. id
  local rest, found = string.gsub(redis.call('HGET', key, 'data') or '', '^{"sealed":"[%w._-]*",', '{')
  if found == 0 then return end
  redis.call('HSET', key, 'data', rest)
  redis.call('HDEL', prefix .. '${BESIDE.sealed}', id)
end
local function wipeWhereOver(prefix, id, reason)
  if string.sub(reason, 1, 9) == 'canceled:' or string.sub(reason, 1, 8) == 'expired:' then wipe(prefix, id) end
end
`;
