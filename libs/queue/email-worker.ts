// Takes emails out of a queue, one at a time, under a lock that is renewed: BullMQ's own operations, without its loop.
import type { JobJson } from 'bullmq';
import type { StoredEmail } from '../mail/stored-email';
import { LOCK_MS, type EmailQueue } from './queues';

/** An email in work. */
export interface Lease {
  id: string;
  queue: EmailQueue;
  email: StoredEmail;
  token: string;
  /** ms since 1970 */
  acceptedAt: number;
  /** Attempts that counted before this one. */
  attemptsMade: number;
  /** How often a worker began with it, over all releases; above 1 there may be marks. */
  starts: number;
  /** How often its worker vanished, since the last release. */
  crashes: number;
  /** Aborted when the hold is lost or the worker stops; the reason is a `LeaseEnd`. */
  signal: AbortSignal;
}

/** Why an attempt has to end early. */
export type LeaseEnd = 'lock-lost' | 'stopping' | 'took-too-long';

export type Taken =
  | { email: Lease; end: (reason: LeaseEnd) => void }
  /** Nothing to take now: how long the queue's rate stops it, and when its next delayed email is due (0: unknown). */
  | { email: undefined; rateStopMs: number; nextDelayedAt: number };

/** BullMQ answers `[job | null, id, ms until the rate allows more, when the next delayed one is due]`. */
type Answer = [job: JobJson | null | undefined, id: string | undefined, rateStopMs?: number, nextDelayedAt?: number];

/** Makes tokens that no other process makes. */
export const createTokens = (replica: string): (() => string) => {
  let count = 0;
  return () => `${replica}:${count++}`;
};

export const takeEmail = async (queue: EmailQueue, token: string, worker: string): Promise<Taken> => {
  const answer = (await queue.backend.moveToActive(token, worker)) as Answer;
  const [json, id = '', rateStopMs = 0, nextDelayedAt = 0] = answer;
  if (!json)
    return { email: undefined, rateStopMs: Math.max(0, rateStopMs), nextDelayedAt: Math.max(0, nextDelayedAt) };
  const abort = new AbortController();
  return {
    email: {
      id,
      queue,
      email: JSON.parse(json.data) as StoredEmail,
      token,
      acceptedAt: json.timestamp,
      attemptsMade: json.attemptsMade,
      starts: json.attemptsStarted,
      crashes: json.stalledCounter,
      signal: abort.signal,
    },
    end: (reason) => abort.abort(reason),
  };
};

/** Puts an email back that was taken but not begun; no attempt is counted. */
export const giveBack = async (lease: Lease): Promise<void> => {
  await lease.queue.backend.moveJobFromActiveToWait(lease.id, lease.token);
};

/** Renews the locks of one queue's emails; gives the ids of those that are lost. */
export const renewLocks = (queue: EmailQueue, leases: Lease[]): Promise<string[]> =>
  queue.backend.extendLocks(
    leases.map(({ id }) => id),
    leases.map(({ token }) => token),
    LOCK_MS,
  );

/** Puts emails back whose worker is gone (BullMQ's two passes); any replica may ask, one of them does it. */
export const recoverStalled = (queue: EmailQueue): Promise<string[]> => queue.backend.moveStalledJobsToWait();
