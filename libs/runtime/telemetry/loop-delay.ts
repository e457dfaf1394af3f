// Measures how long the main thread kept others waiting: told to Prometheus, and logged where that was too long.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Log } from '../log';

/** How often it is looked at. */
const LOOK_MS = 10_000;
/** Nobody shall wait longer than this, ms. */
const TOO_LONG_MS = 250;
const RESOLUTION_MS = 10;

/** Delays since the last look, ms. */
export interface LoopDelay {
  p99: number;
  max: number;
}

/** @param tell hears of it at each look @returns stops it */
export const watchLoopDelay = (log: Log, tell: (delay: LoopDelay) => void): (() => void) => {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const timer = setInterval(() => {
    // The histogram holds the time between two of its ticks, in nanoseconds.
    const toMs = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e6) - RESOLUTION_MS);
    const delay: LoopDelay = { p99: toMs(delays.percentile(99)), max: toMs(delays.max) };
    delays.reset();
    tell(delay);
    if (delay.max > TOO_LONG_MS) log.warn({ delay }, 'the main thread kept others waiting, ms');
  }, LOOK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    delays.disable();
  };
};
