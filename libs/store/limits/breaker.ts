// The circuit breaker of a transport, for all replicas: an outage costs the mail that finds it one attempt, not all theirs.
import { uptime, type Clock } from '../../runtime/clock';
import { outboxOf, tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { announceStanding } from '../redis/standing-index';
import type { Listening } from '../registries/listening';
import { forget, permit, renew, report } from './breaker-scripts';

/** The right to try a transport, or when to ask again. */
export type Pass =
  | { kind: 'go' | 'probe'; token: string; /** It ends where it is not renewed in time. */ leased: boolean }
  | { kind: 'wait'; until: number; /** Its server answers again: others are before. */ recovering?: true };

/** What a fault or an answer did to the breaker. */
export interface Reported {
  change: 'none' | 'opened' | 'reopened' | 'recovering' | 'closed';
  /** The fault counted towards opening: it pays an attempt. Later ones and probes do not. */
  counted: boolean;
  /** When the transport is tried again (ms), where it is not now. */
  until?: number;
}

export interface BreakerState {
  state: 'open' | 'recovering';
  /** ms since 1970, both */
  since: number;
  nextProbeAt: number;
  /** How the last fault was told: the server's words, or ours where it said none. */
  words?: string;
}

export interface Breakers {
  permit(tenant: string, transport: string): Promise<Pass>;
  /**
   * Does work under a pass, which is kept for as long as it takes: a server may let a probe wait for minutes.
   * @throws what the work throws
   */
  hold<T>(tenant: string, transport: string, pass: Pass, work: () => Promise<T>): Promise<T>;
  /**
   * @param fault how the transport itself failed, in words for people; undefined where it did not: an answer about an email or a
   * recipient is no fault
   */
  report(tenant: string, transport: string, pass: Pass, email: string, fault: string | undefined): Promise<Reported>;
  /** Whether this process knows of no fault of it: then nothing has to be reported of an attempt that went well. */
  isWell(tenant: string, transport: string): boolean;
  read(tenant: string, transport: string): Promise<BreakerState | undefined>;
  reset(tenant: string, transport: string): Promise<void>;
}

/** Consecutive faults of different emails that open it. */
const THRESHOLD = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** So many at once, and the transport counts as well again. */
const WELL_AGAIN = 64;
/** A probe whose worker vanished is given up after this; a living one renews it. */
const LEASE_MS = 90_000;
/** Words of a fault are kept up to this length. */
const LONGEST_WORDS = 1_000;
/** Who waits for a place beside others asks again after this. */
const SOON_MS = 250;
/** A closed breaker is believed closed for so long without asking. */
const BELIEVED_MS = 500;

const keysOf = (tenant: string, transport: string): string[] => {
  const key = tenantKeys(tenant).breaker(transport);
  return [key, `${key}:probe`, `${key}:in-flight`];
};

const read = async (redis: Redis, key: string): Promise<BreakerState | undefined> => {
  const [state, since, openUntil, words] = await redis.hmget(key, 'state', 'since', 'openUntil', 'words');
  if (state !== 'open' && state !== 'recovering') return undefined;
  return { state, since: Number(since), nextProbeAt: Number(openUntil), ...(words && { words }) };
};

/** Renews the leases of a pass again and again. @returns ends that */
const renewing = (leaseMs: number, once: () => Promise<unknown>): (() => void) => {
  // What cannot be renewed now may be at the next time; a lease holds for three of them.
  const renewal = setInterval(() => void once().catch(() => undefined), leaseMs / 3);
  return () => clearInterval(renewal);
};

/** What whoever listens is told; '' where nobody does. */
type NoteOf = (tenant: string, transport: string, type: 'transport.down' | 'transport.up') => Promise<string>;

const createNoteOf =
  (clock: Clock, listening: Pick<Listening, 'noteOf'> | undefined): NoteOf =>
  async (tenant, transport, type) =>
    (await listening?.noteOf(tenant, { type, at: clock.now(), id: transport })) ?? '';

const createReset =
  (redis: Redis, noteOf: NoteOf): Breakers['reset'] =>
  async (tenant, transport) => {
    const up = await noteOf(tenant, transport, 'transport.up');
    await forget(redis, [...keysOf(tenant, transport), outboxOf(tenant)], [up]);
  };

const createHold =
  (redis: Redis, clock: Clock, leaseMs: number): Breakers['hold'] =>
  async (tenant, transport, pass, work) => {
    if (pass.kind === 'wait' || !pass.leased) return work();
    const [, ...leases] = keysOf(tenant, transport);
    const stop = renewing(leaseMs, () => renew(redis, leases, [clock.now(), pass.token, leaseMs]));
    try {
      return await work();
    } finally {
      stop();
    }
  };

/**
 * @param deps.listening who is told of what goes down and comes up; nobody where it is not given
 * @param deps.leaseMs how long a pass holds that is not renewed
 */
export const createBreakers = (deps: {
  redis: Redis;
  clock: Clock;
  replica: string;
  leaseMs?: number;
  listening?: Pick<Listening, 'noteOf'>;
}): Breakers => {
  const { redis, clock, leaseMs = LEASE_MS } = deps;
  const believedClosed = new Map<string, number>();
  const faulty = new Set<string>();
  let count = 0;
  const noteOf = createNoteOf(clock, deps.listening);

  return {
    async permit(tenant, transport) {
      const id = `${tenant}/${transport}`;
      const now = clock.now();
      const token = `${deps.replica}:${count++}`;
      if ((believedClosed.get(id) ?? 0) > uptime()) return { kind: 'go', token, leased: false };
      const args = [now, token, leaseMs, SOON_MS, LONGEST_WAIT_MS];
      const [kind, until, state] = (await permit(redis, keysOf(tenant, transport), args)) as string[];
      if (kind === 'wait')
        return { kind: 'wait', until: Number(until), ...(state === 'recovering' && { recovering: true }) };
      if (kind === 'go' && until === '0') believedClosed.set(id, uptime() + BELIEVED_MS);
      else faulty.add(id);
      return { kind: kind === 'probe' ? 'probe' : 'go', token, leased: until !== '0' || kind === 'probe' };
    },
    hold: createHold(redis, clock, leaseMs),
    async report(tenant, transport, pass, email, fault) {
      const id = `${tenant}/${transport}`;
      // The usual case: nothing was wrong, nothing is. Asking Redis would cost every email a round trip.
      if (fault === undefined && pass.kind === 'go' && !faulty.has(id)) return { change: 'none', counted: false };
      believedClosed.delete(id);
      const token = 'token' in pass ? pass.token : '';
      const [change, counted, until] = (await report(
        redis,
        [...keysOf(tenant, transport), outboxOf(tenant)],
        [
          clock.now(),
          token,
          pass.kind === 'probe' ? '1' : '0',
          fault === undefined ? '0' : '1',
          email,
          THRESHOLD,
          FIRST_WAIT_MS,
          LONGEST_WAIT_MS,
          WELL_AGAIN,
          (fault ?? '').slice(0, LONGEST_WORDS),
          await noteOf(tenant, transport, 'transport.down'),
          await noteOf(tenant, transport, 'transport.up'),
        ],
      )) as [Reported['change'], number, string];
      // Where this process dies here, whoever probes it next says so.
      if (change === 'opened' || change === 'reopened') await announceStanding(redis, 'down', id);
      if (fault !== undefined) faulty.add(id);
      else if (change === 'closed' || change === 'none') faulty.delete(id);
      return { change, counted: counted === 1, ...(until !== '' && { until: Number(until) }) };
    },
    isWell: (tenant, transport) => !faulty.has(`${tenant}/${transport}`),
    read: (tenant, transport) => read(redis, tenantKeys(tenant).breaker(transport)),
    reset: createReset(redis, noteOf),
  };
};
