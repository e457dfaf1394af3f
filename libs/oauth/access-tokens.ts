// Access tokens of transports: one each for the whole installation, kept sealed in Redis, renewed by one process at a time.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { OpenOAuth2 } from '../mail/oauth';
import type { Clock } from '../runtime/clock';
import { tenantKeys } from '../store/keys';
import type { Redis } from '../store/redis';
import { defineScript } from '../store/script';
import type { SecretBox } from '../store/secrets';
import { NoToken, type IssuedToken } from './token-endpoint';

/** Whose token it is. */
export interface TokenOwner {
  tenant: string;
  transport: string;
  oauth2: OpenOAuth2;
}

export interface AccessTokens {
  /** A token that is good for a while yet. @throws NoToken */
  get(owner: TokenOwner): Promise<string>;
  /**
   * The server refused a token: the next `get` asks for another one.
   * @returns false where a new one has been asked for a moment ago for the same reason, so that another would not help
   */
  refused(owner: TokenOwner, token: string): Promise<boolean>;
}

interface StoredToken {
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
const MARGIN_MS = 30_000;
/** Renewed this long before it ends, or in the last fifth of a short life. ms */
const AHEAD_MS = 300_000;
/** Longer than the endpoint may take. ms */
const LOCK_MS = 15_000;
/** How long a process waits for the one that asks. ms */
const PATIENCE_MS = 12_000;
const LOOK_MS = 50;
/** After a fault nobody asks for so long, unless the endpoint wishes for longer. ms */
const FAULT_MS = 5_000;
const LONGEST_FAULT_MS = 300_000;
/** A token that came in place of a refused one is not replaced again before this. ms */
const REPLACED_MS = 60_000;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** Nothing secret can be read back from it. */
const fingerprint = ({ oauth2 }: TokenOwner): string => sha256(JSON.stringify(oauth2));

// KEYS: the lock. ARGV: whose it must be. Result: 1, or 0 where it is somebody else's by now. Atomic, so that a late owner
// does not open the lock of the next one.
const unlock = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

// KEYS: the token. ARGV: what must stand there, what replaces it. Result: 1, or 0 where it has changed. Atomic: of many that
// were refused with the same token one says so.
const replace = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

/**
 * @param deps.request asks the token endpoint; throws NoToken
 */
export const createAccessTokens = (deps: {
  redis: Redis;
  clock: Clock;
  secrets: SecretBox;
  request: (oauth2: OpenOAuth2, nowMs: number) => Promise<IssuedToken>;
}): AccessTokens => {
  const { redis, clock, secrets } = deps;
  /** One asker of this process and transport; the others wait for it without asking Redis again and again. */
  const asking = new Map<string, Promise<string>>();

  const sealedFor = ({ tenant, transport }: TokenOwner, what: string): string =>
    `transport:${tenant}/${transport}:${what}`;

  const read = async (owner: TokenOwner): Promise<{ text: string; stored: StoredToken } | undefined> => {
    const text = await redis.get(tenantKeys(owner.tenant).accessToken(owner.transport));
    if (text === null) return undefined;
    const stored = JSON.parse(text) as StoredToken;
    return stored.for === fingerprint(owner) ? { text, stored } : undefined;
  };

  const write = (owner: TokenOwner, stored: StoredToken): Promise<unknown> =>
    redis.set(tenantKeys(owner.tenant).accessToken(owner.transport), JSON.stringify(stored));

  const usable = (owner: TokenOwner, stored: StoredToken | undefined): string | undefined => {
    if (stored === undefined || stored.sealed === '' || stored.endsAt - MARGIN_MS <= clock.now()) return undefined;
    return secrets.open(stored.sealed, sealedFor(owner, 'access-token'));
  };

  const throwFault = (stored: StoredToken | undefined): void => {
    const { fault } = stored ?? {};
    if (fault === undefined || fault.until <= clock.now()) return;
    throw new NoToken(fault.kind, fault.text, fault.until - clock.now());
  };

  /** Asks with the refresh token that came last. */
  const ask = async (owner: TokenOwner, known: StoredToken | undefined): Promise<StoredToken> => {
    const { oauth2 } = owner;
    const refreshed = known?.sealedRefresh && secrets.open(known.sealedRefresh, sealedFor(owner, 'refresh-token'));
    const issued = await deps.request(
      refreshed ? { ...oauth2, secrets: { ...oauth2.secrets, refreshToken: refreshed } } : oauth2,
      clock.now(),
    );
    const issuedAt = clock.now();
    const life = issued.expiresIn * 1_000;
    const sealedRefresh =
      issued.refreshToken === undefined
        ? known?.sealedRefresh
        : secrets.seal(issued.refreshToken, sealedFor(owner, 'refresh-token'));
    return {
      for: fingerprint(owner),
      sealed: secrets.seal(issued.accessToken, sealedFor(owner, 'access-token')),
      hash: sha256(issued.accessToken),
      issuedAt,
      renewAt: issuedAt + life - Math.min(AHEAD_MS, life / 5) - MARGIN_MS,
      // One that lives shorter than the margin is good for one login at least.
      endsAt: issuedAt + Math.max(life, MARGIN_MS + 1_000),
      ...(sealedRefresh && { sealedRefresh }),
      ...(known !== undefined && known.sealed === '' && known.fault === undefined && { replaces: true as const }),
    };
  };

  /** Remembers why there is no token; one that is still good stays. */
  const remember = (owner: TokenOwner, known: StoredToken | undefined, error: NoToken): Promise<unknown> => {
    const wish = Math.min(Math.max(error.retryAfter ?? 0, FAULT_MS), LONGEST_FAULT_MS);
    const fault = { kind: error.kind, text: error.message, until: clock.now() + wish };
    const none = { for: fingerprint(owner), sealed: '', hash: '', issuedAt: 0, renewAt: 0, endsAt: 0 };
    return write(owner, { ...(known ?? none), renewAt: fault.until, fault });
  };

  /** Asks the endpoint, if nobody else does. @returns undefined where somebody else does */
  const renew = async (owner: TokenOwner): Promise<string | undefined> => {
    const lock = tenantKeys(owner.tenant).accessTokenLock(owner.transport);
    const mine = randomUUID();
    if ((await redis.set(lock, mine, 'PX', LOCK_MS, 'NX')) === null) return undefined;
    try {
      const known = (await read(owner))?.stored;
      // Somebody else was here between the look and the lock.
      const found = usable(owner, known);
      if (found !== undefined && known !== undefined && known.renewAt > clock.now()) return found;
      throwFault(known);
      const fresh = await ask(owner, known).catch(async (error: unknown) => {
        if (error instanceof NoToken) await remember(owner, known, error);
        throw error;
      });
      await write(owner, fresh);
      return secrets.open(fresh.sealed, sealedFor(owner, 'access-token'));
    } finally {
      await unlock(redis, [lock], [mine]).catch(() => undefined);
    }
  };

  const untilThere = async (owner: TokenOwner): Promise<string> => {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const token = await renew(owner);
      if (token !== undefined) return token;
      await pause(LOOK_MS);
      const stored = (await read(owner))?.stored;
      const found = usable(owner, stored);
      if (found !== undefined) return found;
      throwFault(stored);
      if (performance.now() > until)
        throw new NoToken('away', 'another process has been asking for a token for too long', FAULT_MS);
    }
  };

  return {
    async get(owner) {
      const id = `${owner.tenant}/${owner.transport}/${fingerprint(owner)}`;
      const stored = (await read(owner))?.stored;
      const token = usable(owner, stored);
      if (token !== undefined && stored !== undefined) {
        // In the background: whoever sends goes on with the present one, and a fault is told when that has ended.
        if (stored.renewAt <= clock.now() && !asking.has(id))
          void start(
            id,
            renew(owner).then((fresh) => fresh ?? token),
          ).catch(() => undefined);
        return token;
      }
      throwFault(stored);
      return asking.get(id) ?? start(id, untilThere(owner));
    },
    async refused(owner, token) {
      const found = await read(owner);
      // Somebody has replaced it already.
      if (found === undefined || found.stored.hash !== sha256(token)) return true;
      const { stored, text } = found;
      if (stored.replaces === true && stored.issuedAt + REPLACED_MS > clock.now()) return false;
      const { fault: _, ...rest } = stored;
      const without: StoredToken = { ...rest, sealed: '', hash: '', endsAt: 0, renewAt: 0 };
      await replace(redis, [tenantKeys(owner.tenant).accessToken(owner.transport)], [text, JSON.stringify(without)]);
      return true;
    },
  };

  function start(id: string, work: Promise<string>): Promise<string> {
    const done = work.finally(() => asking.delete(id));
    asking.set(id, done);
    return done;
  }
};
