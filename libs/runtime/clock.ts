// The one place that asks what time it is, so that tests can lend another clock.

/** Tells the time; everything that depends on time takes one of these. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now: () => number;
}

/** This machine's own clock. Whoever sets it, or lets it drift, changes what it says: see `libs/store/redis/redis-clock.ts`. */
export const systemClock: Clock = { now: () => Date.now() };

/**
 * How long this process has been running, ms: for durations and for what is believed for a while. Nobody can set it, so
 * it neither jumps nor goes back.
 */
export const uptime = (): number => performance.now();
