// Access tokens as they are kept in Redis: one record a transport, sealed, good only for what it was asked with.
import { createHash } from 'node:crypto';
import { askedWith, type OpenOAuth2 } from '../mail/login/oauth';
import type { StoredTransport } from '../mail/settings/transport';
import { tenantKeys } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { defineScript } from '../store/redis/script';
import { keyIdOf, type SecretBox } from '../store/redis/secret-box';
import type { SealedOwner } from '../store/registries/reseal';
import { mailboxName } from '../store/registries/transport-secrets';
import type { IssuedToken, NoToken } from './token-endpoint';

/** Whose token it is. */
export interface TokenOwner {
  tenant: string;
  /** Its name, or that of its mailbox (`mailboxName`). */
  transport: string;
  oauth2: OpenOAuth2;
  /** Of everything that a token is asked with, as `askedWith` makes it. */
  askedWith: string;
}

export interface StoredToken {
  /** Of everything that it was asked with: after a correction it is nobody's any more. */
  for: string;
  sealed: string;
  /** To tell tokens apart without opening them. */
  hash: string;
  /** ms since 1970, all three */
  issuedAt: number;
  renewAt: number;
  endsAt: number;
  /** The refresh token that replaced the given one. */
  sealedRefresh?: string;
  /** The one before it was refused. */
  replaces?: true;
  /** Set instead of a token: why there is none, for a moment, so that not everybody asks. */
  fault?: { kind: NoToken['kind']; text: string; until: number };
}

/** A token is not used in its last moments: a login and a clock that is off must fit in. ms */
export const MARGIN_MS = 30_000;
/** Renewed this long before it ends, or in the last fifth of a short life. ms */
const AHEAD_MS = 300_000;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

// KEYS: the token. ARGV: what must stand there, what replaces it. Result: 1, or 0 where it has changed. Atomic: of many that
// were refused with the same token one says so.
const replace = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

type Place = Pick<TokenOwner, 'tenant' | 'transport'>;
const keyOf = ({ tenant, transport }: Place): string => tenantKeys(tenant).accessToken(transport);
const place = ({ tenant, transport }: Place, what: string): string => `transport:${tenant}/${transport}:${what}`;

/** Which keys records are sealed with, and how they come under the newest one. */
const createKeyChange = (secrets: SecretBox) => {
  const anew = (sealed: string, at: string): string => (secrets.holds(sealed) ? secrets.reseal(sealed, at) : sealed);

  /** Under the newest key, as far as the keys are here. */
  const underNewest = (owner: Place, stored: StoredToken): StoredToken => ({
    ...stored,
    sealed: stored.sealed === '' ? '' : anew(stored.sealed, place(owner, 'access-token')),
    ...(stored.sealedRefresh !== undefined && {
      sealedRefresh: anew(stored.sealedRefresh, place(owner, 'refresh-token')),
    }),
  });

  /** Keys that the record needs: an access token whose key is gone is asked for anew, a refresh token cannot be. */
  const keysOf = ({ sealed, sealedRefresh }: StoredToken): string[] => [
    ...(sealed !== '' && secrets.holds(sealed) ? [keyIdOf(sealed)] : []),
    ...(sealedRefresh === undefined ? [] : [keyIdOf(sealedRefresh)]),
  ];

  return { underNewest, keysOf };
};

/** Puts the tokens of all transports of a tenant under the newest key. */
const createReseal = (redis: Redis, secrets: SecretBox): SealedOwner['reseal'] => {
  const { underNewest, keysOf } = createKeyChange(secrets);

  const resealOne = async (owner: Place, isFor: string, rewrite: boolean): ReturnType<SealedOwner['reseal']> => {
    for (;;) {
      const text = await redis.get(keyOf(owner));
      const stored = text === null ? undefined : (JSON.parse(text) as StoredToken);
      // After a correction it is nobody's any more.
      if (text === null || stored?.for !== isFor) return { resealed: 0, keys: [] };
      const next = rewrite ? underNewest(owner, stored) : stored;
      const changed = JSON.stringify(next);
      if (changed === text) return { resealed: 0, keys: keysOf(stored) };
      if ((await replace(redis, [keyOf(owner)], [text, changed])) === 1) return { resealed: 1, keys: keysOf(next) };
    }
  };

  return async (tenant, rewrite) => {
    const all = Object.entries(await redis.hgetall(tenantKeys(tenant).transports)).flatMap(([transport, text]) => {
      const { auth, returnPath } = JSON.parse(text) as StoredTransport;
      const logins = [
        { name: transport, login: auth },
        { name: mailboxName(transport), login: returnPath?.mailbox?.auth },
      ];
      return logins.flatMap(({ name, login }) =>
        login?.oauth2 === undefined ? [] : [{ transport: name, isFor: askedWith(login.user, login.oauth2) }],
      );
    });
    const done = [];
    for (const { transport, isFor } of all) done.push(await resealOne({ tenant, transport }, isFor, rewrite));
    return { resealed: done.reduce((sum, one) => sum + one.resealed, 0), keys: done.flatMap(({ keys }) => keys) };
  };
};

export const createTokenRecords = ({ redis, secrets }: { redis: Redis; secrets: SecretBox }) => {
  const { underNewest } = createKeyChange(secrets);

  return {
    reseal: createReseal(redis, secrets),
    /** @returns the record and its text, where it is of this owner as it is now */
    async read(owner: TokenOwner): Promise<{ text: string; stored: StoredToken } | undefined> {
      const text = await redis.get(keyOf(owner));
      if (text === null) return undefined;
      const stored = JSON.parse(text) as StoredToken;
      return stored.for === owner.askedWith ? { text, stored } : undefined;
    },
    write: async (owner: TokenOwner, stored: StoredToken): Promise<void> => {
      // Parts of it may be of before a change of keys.
      await redis.set(keyOf(owner), JSON.stringify(underNewest(owner, stored)));
    },
    /** Only where `text` still stands there. */
    replace: async (owner: TokenOwner, text: string, stored: StoredToken): Promise<void> => {
      await replace(redis, [keyOf(owner)], [text, JSON.stringify(underNewest(owner, stored))]);
    },
    /** @returns the token, if it is good for a while yet. @param now ms since 1970 */
    usable(owner: TokenOwner, stored: StoredToken | undefined, now: number): string | undefined {
      if (stored === undefined || stored.sealed === '' || stored.endsAt - MARGIN_MS <= now) return undefined;
      try {
        return secrets.open(stored.sealed, place(owner, 'access-token'));
      } catch {
        // Sealed with a key that this process does not hold, or holds no more: another one is asked for.
        return undefined;
      }
    },
    /** What to ask with: the refresh token that came last. */
    askWith(owner: TokenOwner, known: StoredToken | undefined): OpenOAuth2 {
      const { oauth2 } = owner;
      if (known?.sealedRefresh === undefined) return oauth2;
      const refreshToken = secrets.open(known.sealedRefresh, place(owner, 'refresh-token'));
      return { ...oauth2, secrets: { ...oauth2.secrets, refreshToken } };
    },
    /** The record of a token that was issued now. @param now ms since 1970 */
    made(owner: TokenOwner, issued: IssuedToken, known: StoredToken | undefined, now: number): StoredToken {
      const life = issued.expiresIn * 1_000;
      const { refreshToken } = issued;
      const sealedRefresh =
        refreshToken === undefined ? known?.sealedRefresh : secrets.seal(refreshToken, place(owner, 'refresh-token'));
      return {
        for: owner.askedWith,
        sealed: secrets.seal(issued.accessToken, place(owner, 'access-token')),
        hash: sha256(issued.accessToken),
        issuedAt: now,
        renewAt: now + life - Math.min(AHEAD_MS, life / 5) - MARGIN_MS,
        // One that lives shorter than the margin is good for a login at least.
        endsAt: now + Math.max(life, MARGIN_MS + 1_000),
        ...(sealedRefresh !== undefined && { sealedRefresh }),
        ...(known?.sealed === '' && known.fault === undefined && { replaces: true as const }),
      };
    },
  };
};
