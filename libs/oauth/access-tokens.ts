// Access tokens of transports: one each for the whole installation, renewed before it ends, by one process at a time.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { OpenOAuth2 } from '../mail/login/oauth';
import { uptime, type Clock } from '../runtime/clock';
import { tenantKeys } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { defineScript } from '../store/redis/script';
import type { SecretBox } from '../store/redis/secret-box';
import { NoToken, type IssuedToken } from './token-endpoint';
import { createTokenRecords, sha256, type StoredToken, type TokenOwner } from './token-records';

export interface AccessTokens {
  /** A token that is good for a while yet. @throws NoToken */
  get(owner: TokenOwner): Promise<string>;
  /**
   * The server refused a token: the next `get` asks for another one.
   * @returns false where the refused one came in place of another that was refused a moment ago: a third would not help
   */
  refused(owner: TokenOwner, token: string): Promise<boolean>;
}

/** Longer than the endpoint may take. ms */
const LOCK_MS = 15_000;
/** How long a process waits for the one that asks, and how often it looks. ms */
const PATIENCE_MS = 12_000;
const LOOK_MS = 50;
/** After a fault nobody asks for so long, unless the endpoint wishes for longer. ms */
const FAULT_MS = 5_000;
const LONGEST_FAULT_MS = 300_000;
/** A token that came in place of a refused one is not replaced again before this. ms */
const REPLACED_MS = 60_000;

// KEYS: the lock. ARGV: whose it must be. Result: 1, or 0 where it is somebody else's by now. Atomic, so that a late owner
// does not open the lock of the next one.
const unlock = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

const EMPTY = { sealed: '', hash: '', issuedAt: 0, renewAt: 0, endsAt: 0 };

/** @throws NoToken where the endpoint has been asked a moment ago, and there was none */
const throwFault = (stored: StoredToken | undefined, now: number): void => {
  const { fault } = stored ?? {};
  if (fault !== undefined && fault.until > now) throw new NoToken(fault.kind, fault.text, fault.until - now);
};

interface Deps {
  redis: Redis;
  clock: Clock;
  secrets: SecretBox;
  /** Asks the token endpoint. @throws NoToken */
  request: (oauth2: OpenOAuth2, nowMs: number) => Promise<IssuedToken>;
}

const createRenewal = ({ redis, clock, request, ...deps }: Deps) => {
  const records = createTokenRecords({ redis, ...deps });

  /** Remembers why there is no token; one that is still good stays. */
  const remember = async (owner: TokenOwner, known: StoredToken | undefined, error: NoToken): Promise<void> => {
    const wish = Math.min(Math.max(error.retryAfter ?? 0, FAULT_MS), LONGEST_FAULT_MS);
    const until = clock.now() + wish;
    const fault = { kind: error.kind, text: error.message, until };
    await records.write(owner, { for: owner.askedWith, ...EMPTY, ...known, renewAt: until, fault });
  };

  /** Asks the endpoint, if nobody else does. @returns undefined where somebody else does @throws NoToken */
  return async (owner: TokenOwner): Promise<string | undefined> => {
    const lock = tenantKeys(owner.tenant).accessTokenLock(owner.transport);
    const mine = randomUUID();
    if ((await redis.set(lock, mine, 'PX', LOCK_MS, 'NX')) === null) return undefined;
    try {
      const known = (await records.read(owner))?.stored;
      // Somebody else may have been here between the look and the lock.
      const found = records.usable(owner, known, clock.now());
      if (found !== undefined && known !== undefined && known.renewAt > clock.now()) return found;
      throwFault(known, clock.now());
      const issued = await request(records.askWith(owner, known), clock.now()).catch(async (error: unknown) => {
        if (error instanceof NoToken) await remember(owner, known, error);
        throw error;
      });
      await records.write(owner, records.made(owner, issued, known, clock.now()));
      return issued.accessToken;
    } finally {
      await unlock(redis, [lock], [mine]).catch(() => undefined);
    }
  };
};

export const createAccessTokens = (deps: Deps): AccessTokens => {
  const { clock } = deps;
  const records = createTokenRecords(deps);
  const renew = createRenewal(deps);
  /** One asker of this process and transport: the others wait for it without asking Redis again and again. */
  const asking = new Map<string, Promise<string>>();

  const start = (id: string, work: Promise<string>): Promise<string> => {
    const done = work.finally(() => asking.delete(id));
    asking.set(id, done);
    return done;
  };

  const untilThere = async (owner: TokenOwner): Promise<string> => {
    const until = uptime() + PATIENCE_MS;
    for (;;) {
      const token = await renew(owner);
      if (token !== undefined) return token;
      await pause(LOOK_MS);
      const stored = (await records.read(owner))?.stored;
      const found = records.usable(owner, stored, clock.now());
      if (found !== undefined) return found;
      throwFault(stored, clock.now());
      if (uptime() > until)
        throw new NoToken('away', 'another process has been asking for a token for too long', FAULT_MS);
    }
  };

  return {
    async get(owner) {
      const id = `${owner.tenant}/${owner.transport}/${owner.askedWith}`;
      const stored = (await records.read(owner))?.stored;
      const token = records.usable(owner, stored, clock.now());
      if (token !== undefined && stored !== undefined) {
        // In the background: the present one is good. What goes wrong is told when it has ended.
        if (stored.renewAt <= clock.now() && !asking.has(id))
          start(
            id,
            renew(owner).then((fresh) => fresh ?? token),
          ).catch(() => undefined);
        return token;
      }
      throwFault(stored, clock.now());
      return asking.get(id) ?? start(id, untilThere(owner));
    },
    async refused(owner, token) {
      const found = await records.read(owner);
      // Somebody has replaced it already.
      if (found === undefined || found.stored.hash !== sha256(token)) return true;
      const { stored, text } = found;
      if (stored.replaces === true && stored.issuedAt + REPLACED_MS > clock.now()) return false;
      const refresh = stored.sealedRefresh === undefined ? {} : { sealedRefresh: stored.sealedRefresh };
      await records.replace(owner, text, { for: stored.for, ...EMPTY, ...refresh });
      return true;
    },
  };
};
