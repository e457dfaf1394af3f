// The CPU time of one thread: what a busy machine does meanwhile is not held against its work.
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

export interface CpuClock {
  /** ms since some moment; stands still while the thread waits for the machine. */
  now: () => number;
  close: () => void;
}

/** Names the calling thread for others of its process; undefined where the system does not tell (it is not Linux). */
export const nameOfThread = (): string | undefined => {
  try {
    return readlinkSync('/proc/thread-self');
  } catch {
    return undefined;
  }
};

/** ms; Infinity once the thread is gone: then the system knows of it no more (ESRCH), and it has no time left. */
const readClock = (file: number, text: Buffer): number => {
  try {
    return Number(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ', 1)[0]) / 1e6;
  } catch {
    return Infinity;
  }
};

/**
 * @param thread as `nameOfThread` gave it
 * @returns a clock of its CPU time; where there is none, one of the time of day's passing
 */
export const openCpuClock = (thread: string | undefined): CpuClock => {
  const wall: CpuClock = { now: () => performance.now(), close: () => undefined };
  if (thread === undefined) return wall;
  try {
    // Nanoseconds on a CPU, nanoseconds waiting for one, turns (Documentation/scheduler/sched-stats.rst of Linux).
    const file = openSync(`/proc/${thread}/schedstat`, 'r');
    const text = Buffer.alloc(64);
    const now = (): number => readClock(file, text);
    const first = now();
    // Zeros are what a kernel says that does not count.
    if (first > 0 && Number.isFinite(first)) return { now, close: () => closeSync(file) };
    closeSync(file);
    return wall;
  } catch {
    return wall;
  }
};
