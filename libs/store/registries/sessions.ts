// Sessions of people at the console: who signed in, with which key or by which provider, until when; only a hash of what their browser holds is kept.
import { createHash, randomBytes } from 'node:crypto';
import type { Person } from '../../mail/people/person';
import type { Clock } from '../../runtime/clock';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';

/** Somebody who showed a key. */
export interface KeySession {
  /** Id of the key, and what proves that it is still the same one (`ApiKeys.proofOf`). */
  key: string;
  proof: string;
  /** Who acts with it, as changes are signed. */
  person?: string;
}

/** Somebody whom an identity provider vouched for. */
export interface PersonSession {
  signedIn: Person & {
    /** What the provider calls them: for the audit. */
    subject?: string;
    /** Who vouched: of another provider than the present one it is no session. */
    issuer: string;
    /** Those of their groups that counted then. */
    groups: string[];
    /** Where they act, of several places that they may choose from. */
    tenant?: string;
    /** When that tenant was made: of another one of its name it is no session. ISO 8601 */
    tenantSince?: string | undefined;
    /** The end, whatever is done. ISO 8601 */
    endsAt: string;
    /** What the provider vouched with, sealed: it is shown there again to sign out. */
    idToken?: string;
  };
}

export type NewSession = KeySession | PersonSession;
export type Session = NewSession & {
  /** ISO 8601 */
  startedAt: string;
};

export interface Sessions {
  /** @returns the token that the browser keeps */
  start(session: NewSession): Promise<string>;
  /** Each use keeps it for another while. */
  use(token: string): Promise<Session | undefined>;
  /** Whose it is, without keeping it: an open page is no use of it. */
  look(token: string): Promise<Session | undefined>;
  /** For ten minutes somebody else may start it, once. @returns the token of that */
  offer(session: KeySession): Promise<string>;
  /** @returns what was offered; undefined where it was taken up already, or too long ago */
  takeUp(offer: string): Promise<KeySession | undefined>;
  end(token: string): Promise<void>;
  /** Ends every session of a key or a person. @param owner their id */
  endAllOf(owner: string): Promise<void>;
}

/** Seconds without a request after which a session is over, and after which it is over whatever is done. */
export const SESSION_IDLE_S = 8 * 3_600;
const OFFERED_S = 600;
const LONGEST_MS = 7 * 86_400_000;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const newToken = (): string => randomBytes(32).toString('base64url');
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** A session that is not too old. */
const read = (text: string | null, now: number): Session | undefined => {
  if (text === null) return undefined;
  const session = JSON.parse(text) as Session;
  const ends = 'signedIn' in session ? Date.parse(session.signedIn.endsAt) : Date.parse(session.startedAt) + LONGEST_MS;
  return now > ends ? undefined : session;
};

const ownerOf = (session: NewSession): string => ('signedIn' in session ? session.signedIn.id : session.key);

export const createSessions = ({ redis, clock }: { redis: Redis; clock: Clock }): Sessions => ({
  async start(session) {
    const token = newToken();
    const hash = hashOf(token);
    const startedAt = new Date(clock.now()).toISOString();
    await redis.set(KEYS.session(hash), JSON.stringify({ ...session, startedAt }), 'EX', SESSION_IDLE_S);
    // No pipeline: the two lie in different slots.
    await redis.sadd(KEYS.sessionsOf(ownerOf(session)), hash);
    await redis.expire(KEYS.sessionsOf(ownerOf(session)), LONGEST_MS / 1_000);
    return token;
  },
  async use(token) {
    if (!TOKEN.test(token)) return undefined;
    return read(await redis.getex(KEYS.session(hashOf(token)), 'EX', SESSION_IDLE_S), clock.now());
  },
  async look(token) {
    return TOKEN.test(token) ? read(await redis.get(KEYS.session(hashOf(token))), clock.now()) : undefined;
  },
  async offer(session) {
    const token = newToken();
    await redis.set(KEYS.sessionOnce(hashOf(token)), JSON.stringify(session), 'EX', OFFERED_S);
    return token;
  },
  async takeUp(offer) {
    const text = TOKEN.test(offer) ? await redis.getdel(KEYS.sessionOnce(hashOf(offer))) : null;
    return text === null ? undefined : (JSON.parse(text) as KeySession);
  },
  async end(token) {
    await redis.del(KEYS.session(hashOf(token)));
  },
  async endAllOf(owner) {
    const hashes = await redis.smembers(KEYS.sessionsOf(owner));
    for (const hash of hashes) await redis.del(KEYS.session(hash));
    await redis.del(KEYS.sessionsOf(owner));
  },
});
