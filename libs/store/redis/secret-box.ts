// Seals secrets before they are stored: AES-256-GCM with a key id, bound to the place where they belong.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';

export interface SecretKey {
  id: string;
  key: Buffer;
}

/** A secret cannot be opened here; the message names the key. */
export class SecretKeyMissing extends Error {
  override name = 'SecretKeyMissing';
  constructor(readonly keyId: string) {
    super(
      `a secret was sealed with the key "${keyId}", which ROHRPOST_SECRET_KEYS does not hold: the operator must add it and restart`,
    );
  }
}

export interface SecretBox {
  /** The name of the key that seals: the first one. */
  readonly newestKey: string;
  /** Names of all keys that open. */
  readonly keys: readonly string[];
  /**
   * @param place where the secret belongs; it cannot be opened as the secret of another place
   */
  seal(plain: string, place: string): string;
  /** @throws SecretKeyMissing; Error where the text was changed or moved */
  open(sealed: string, place: string): string;
  /** The same secret under the newest key, with the same id (`secretIdOf`). @throws as `open` */
  reseal(sealed: string, place: string): string;
  /**
   * A hash that only who has the key can compute: what was hashed cannot be guessed by trying.
   * @param keyId the newest key where it is not given
   * @returns `<key id>.<hash>`
   * @throws SecretKeyMissing
   */
  hash(text: string, keyId?: string): string;
  /** Is the key here that it was sealed with? */
  holds(sealed: string): boolean;
  /** A key for one purpose from each key that is here (RFC 5869), the newest first: none tells anything of the one it is from. */
  derive(purpose: string): SecretKey[];
}

/** Reads `k2:<base64 of 32 bytes>,k1:...`; the first key seals, all open. */
const parseSecretKeys = (text: string): SecretKey[] | undefined => {
  const keys = text.split(',').map((part): SecretKey | undefined => {
    const [id, encoded, ...rest] = part.trim().split(':');
    if (!id || encoded === undefined || rest.length > 0 || !/^[A-Za-z0-9_-]{1,32}$/.test(id)) return undefined;
    const key = Buffer.from(encoded, 'base64');
    return key.length === 32 ? { id, key } : undefined;
  });
  const valid = keys.filter((key) => key !== undefined);
  return valid.length === keys.length && new Set(valid.map((key) => key.id)).size === keys.length ? valid : undefined;
};

/** The name of the key that a secret was sealed with. */
export const keyIdOf = (sealed: string): string => sealed.split('.')[1] ?? '';

/** Tells one secret that was given from the next one; it stays while keys are changed (the nonce, which no two have in common). */
export const secretIdOf = (sealed: string): string => sealed.split('.')[2] ?? '';

/** Secret keys in a process' environment. */
export const SecretKeysText = z.string().transform((text, context): SecretKey[] => {
  const keys = parseSecretKeys(text);
  if (keys !== undefined) return keys;
  context.addIssue({
    code: 'custom',
    message: 'must be like k1:<base64 of 32 bytes>, several separated by commas (echo "k1:$(openssl rand -base64 32)")',
  });
  return z.NEVER;
});

const deriveKey = (key: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', `rohrpost ${purpose}`, 32));

/**
 * Sealed form: `v1.<key id>.<12 bytes of nonce>.<ciphertext and 16 bytes of tag>`, base64url.
 * @param keys as `parseSecretKeys` gives them, at least one
 */
export const createSecretBox = (keys: SecretKey[]): SecretBox => {
  const [newest] = keys;
  if (newest === undefined) throw new Error('a secret box needs at least one key');
  const encrypt = (plain: string, place: string, nonce: Buffer): string => {
    const cipher = createCipheriv('aes-256-gcm', newest.key, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return ['v1', newest.id, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
  };

  const hashKeys = new Map<string, Buffer>();

  const open: SecretBox['open'] = (sealed, place) => {
    const [version, id = '', nonce = '', body = ''] = sealed.split('.');
    const key = keys.find((candidate) => candidate.id === id);
    if (version !== 'v1' || key === undefined) throw new SecretKeyMissing(id);
    const bytes = Buffer.from(body, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key.key, Buffer.from(nonce, 'base64url'))
      .setAAD(Buffer.from(place))
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
  };

  return {
    newestKey: newest.id,
    keys: keys.map(({ id }) => id),
    seal: (plain, place) => encrypt(plain, place, randomBytes(12)),
    open,
    // A nonce must not come twice with one key and two texts (NIST SP 800-38D 8.2): another key, or the same text, is none of that.
    reseal: (sealed, place) =>
      keyIdOf(sealed) === newest.id
        ? sealed
        : encrypt(open(sealed, place), place, Buffer.from(secretIdOf(sealed), 'base64url')),
    hash(text, keyId = newest.id) {
      const key = keys.find(({ id }) => id === keyId)?.key;
      if (key === undefined) throw new SecretKeyMissing(keyId);
      // Once for a key: after a restore each address of a tenant is hashed with each.
      // Another key than the one that seals: one key for one purpose (NIST SP 800-57 5.2).
      const own = hashKeys.get(keyId) ?? deriveKey(key, 'hash');
      hashKeys.set(keyId, own);
      return `${keyId}.${createHmac('sha256', own).update(text).digest('base64url').slice(0, 22)}`;
    },
    holds: (sealed) => keys.some(({ id }) => id === keyIdOf(sealed)),
    derive: (purpose) => keys.map(({ id, key }) => ({ id, key: deriveKey(key, purpose) })),
  };
};
