// When an event that a webhook did not take is posted again.

/** Attempts go on for so long after the event, ms. */
export const RETRIED_MS = 24 * 3_600_000;
/**
 * A webhook that took nothing for so long is switched off, ms: the last attempt of the first event that failed decides, some
 * seconds short of a day after its first one.
 */
export const FAILING_MS = 23 * 3_600_000;
const FIRST_MS = 1_000;
const GROWTH = 4;
const LONGEST_MS = 2 * 3_600_000;
const JITTER = 0.2;

/**
 * @param attempts that were made
 * @param retryAfter the receiver's own wish, ms: it is waited for at least as long
 * @param random of 0 to 1: those that failed together do not come back together
 * @returns ms from the last attempt to the next one
 */
export const retryDelay = (attempts: number, retryAfter = 0, random = Math.random()): number => {
  const delay = Math.min(LONGEST_MS, FIRST_MS * GROWTH ** (attempts - 1));
  return Math.round(Math.max(retryAfter, delay * (1 + JITTER * (2 * random - 1))));
};
