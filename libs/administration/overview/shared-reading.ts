// What costs much to read, such as the numbers of all queues, is read once for all who ask, and the more it costs the more seldom.
import { setTimeout as pause } from 'node:timers/promises';
import { uptime } from '../../runtime/clock';

export interface Reading<T> {
  value: T;
  /** When it was read, ms since 1970. */
  at: number;
}

/** At most this part of the time is spent on reading. */
const SHARE = 1 / 20;
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
  let last: (Reading<T> & { readAt: number; took: number }) | undefined;
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
    const age = last === undefined ? Infinity : uptime() - last.readAt;
    if (last === undefined || age > last.took / SHARE) {
      running ??= renew();
      const ended = new AbortController();
      // Who does not wait for its end is not told of its failure: whoever asks next is.
      running.catch(() => undefined);
      await Promise.race([running, pause(patience, undefined, { signal: ended.signal, ref: false })]).finally(() =>
        ended.abort(),
      );
    }
    return last !== undefined && uptime() - last.readAt < LONGEST_MS ? last : undefined;
  };
};
