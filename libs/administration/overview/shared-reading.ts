// What costs much to read, such as the numbers of all queues, is read once for all who ask, and the more it costs the more seldom.
import { setTimeout as pause } from 'node:timers/promises';
import { uptime } from '../../runtime/clock';

export interface Reading<T> {
  value: T;
  /** When it was read, ms since 1970. */
  at: number;
  /** After how many ms whoever asks again gets a newer one; 0 where this one was read just now. */
  newerIn: number;
}

/** Waits for the end of something, but no longer than this. */
const atMost = async (work: Promise<void>, ms: number): Promise<void> => {
  const ended = new AbortController();
  const patience = pause(ms, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
  await Promise.race([work, patience]);
  ended.abort();
};

/** At most this part of the time is spent on reading. */
const SHARE = 1 / 10;
/** One that is under way is asked for again after this, ms. */
const MORE_MS = 250;
/** Older ones are not shown: whoever asks after a while is told that it is being read. */
const LONGEST_MS = 2 * 60_000;

/**
 * @param now ms since 1970
 * @param kept a reading is shown for so many ms at least before it is read again
 * @returns what reads it: the last reading where that is recent, or where the next one takes longer than `patience` ms; undefined
 * where there is none yet. It throws what the reading failed with.
 */
export const shareReading = <T>(
  read: () => Promise<T>,
  now: () => number,
  kept = 0,
): ((patience: number) => Promise<Reading<T> | undefined>) => {
  let last: { value: T; at: number; readAt: number; took: number } | undefined;
  let fault: Error | undefined;
  let running: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    const [began, at] = [uptime(), now()];
    try {
      const value = await read();
      const readAt = uptime();
      last = { value, at, readAt, took: readAt - began };
    } catch (error) {
      fault = error instanceof Error ? error : new Error('it could not be read', { cause: error });
    } finally {
      running = undefined;
    }
  };
  const isRecent = (at: number): boolean => last !== undefined && at - last.readAt < LONGEST_MS;
  return async (patience) => {
    const askedAt = uptime();
    if (last === undefined || askedAt > last.readAt + Math.max(kept, last.took / SHARE)) {
      running ??= renew();
      // Nobody waits in vain for what took longer the last time.
      if (!isRecent(askedAt) || (last?.took ?? 0) < patience) await atMost(running, patience);
    }
    if (fault !== undefined) {
      const error = fault;
      fault = undefined;
      throw error;
    }
    if (last === undefined || !isRecent(uptime())) return undefined;
    const { value, at, readAt, took } = last;
    if (readAt >= askedAt) return { value, at, newerIn: 0 };
    return { value, at, newerIn: Math.ceil(Math.max(MORE_MS, readAt + took / SHARE - askedAt)) };
  };
};
