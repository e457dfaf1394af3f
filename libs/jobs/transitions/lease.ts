// Takes emails out of a queue, one at a time, under a lock that is renewed: as BullMQ does, without its loop.
import { readStored, type StoredEmail } from '../../mail/email/stored-email';
import type { Redis } from '../../store/redis/redis';
import { LOCK_MS, type EmailQueue } from '../layout/queues';
import { takeJob, type NothingToTake } from './take';

/** An email in work. */
export interface Lease {
  id: string;
  queue: EmailQueue;
  email: StoredEmail;
  token: string;
  /** ms since 1970 */
  acceptedAt: number;
  /** Attempts that counted before this one, since it was accepted or released. */
  attemptsMade: number;
  /** Those before that release: numbers of attempts go on. */
  attemptsBefore: number;
  /** How often a worker began with it, over all releases. */
  starts: number;
  /** How often its worker vanished, since the last release. */
  crashes: number;
  /** When it was taken, by Redis' clock; ms since 1970. */
  takenAt: number;
  /** Earlier attempts or releases left marks (hand-over-journal.ts). */
  marked: boolean;
  /** It was canceled, and put back by another BullMQ client. */
  canceled: boolean;
  /** Aborted when the hold is lost or the worker stops; the reason is a `LeaseEnd`. */
  signal: AbortSignal;
  /**
   * To be said when a server or a source is waited for: what takes long does so without a slot (libs/dispatch/slots.ts).
   * @param bytes of memory that are held meanwhile
   * @returns to be called when it is over
   */
  waits: (bytes: number) => () => void;
}

/** Why an attempt has to end early. */
export type LeaseEnd = 'lock-lost' | 'stopping' | 'took-too-long';

export type Taken =
  { email: Lease; end: (reason: LeaseEnd) => void } | ({ email: undefined } & Omit<NothingToTake, 'id'>);

/** Makes tokens that no other process makes. */
export const createTokens = (replica: string): (() => string) => {
  let count = 0;
  return () => `${replica}:${count++}`;
};

/** Takes what is due by Redis' clock. */
export const takeEmail = async (redis: Redis, queue: EmailQueue, token: string): Promise<Taken> => {
  const job = await takeJob(redis, queue, { token, lockMs: LOCK_MS });
  if (job.id === undefined) return { ...job, email: undefined };
  const abort = new AbortController();
  return {
    email: {
      id: job.id,
      queue,
      email: readStored(job.data),
      token,
      acceptedAt: job.acceptedAt,
      attemptsMade: job.attemptsMade,
      attemptsBefore: job.attemptsBefore,
      starts: job.starts,
      crashes: job.stalls,
      takenAt: job.takenAt,
      marked: job.marked,
      canceled: job.canceled,
      signal: abort.signal,
      waits: () => () => undefined,
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
