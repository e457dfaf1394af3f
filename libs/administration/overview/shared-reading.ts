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

/** At most this part of the time is spent on reading. */
const SHARE = 1 / 10;
/** One that is under way is asked for again after this, ms. */
const MORE_MS = 250;
/** Older ones are not shown: whoever asks after a while is told that it is being read. */
const LONGEST_MS = 2 * 60_000;

/**
 * @param now ms since 1970
 * @returns what reads it: the last reading where that is recent; else it waits for the next one, up to `patience` ms, and gives the
 * last one, or undefined where there is none
 */
export const shareReading = <T>(
  read: () => Promise<T>,
  now: () => number,
): ((patience: number) => Promise<Reading<T> | undefined>) => {
  let last: { value: T; at: number; readAt: number; took: number } | undefined;
  let running: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    const [began, at] = [uptime(), now()];
    try {
      const value = await read();
      const readAt = uptime();
      last = { value, at, readAt, took: readAt - began };
    } finally {
      running = undefined;
    }
  };
  return async (patience) => {
    const askedAt = uptime();
    if (last === undefined || askedAt > last.readAt + last.took / SHARE) {
      running ??= renew();
      const ended = new AbortController();
      // Who does not wait for its end is not told of its failure: whoever asks next is.
      running.catch(() => undefined);
      await Promise.race([running, pause(patience, undefined, { signal: ended.signal, ref: false })]).finally(() =>
        ended.abort(),
      );
    }
    if (last === undefined || uptime() - last.readAt > LONGEST_MS) return undefined;
    const { value, at, readAt, took } = last;
    if (readAt >= askedAt) return { value, at, newerIn: 0 };
    return { value, at, newerIn: Math.ceil(Math.max(MORE_MS, readAt + took / SHARE - askedAt)) };
  };
};
