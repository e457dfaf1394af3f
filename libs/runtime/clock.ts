// The one place that asks what time it is, so that tests can lend another clock.

/** Tells the time; everything that depends on time takes one of these. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now: () => number;
}

export const systemClock: Clock = { now: () => Date.now() };
