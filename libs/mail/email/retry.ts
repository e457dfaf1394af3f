// When a deferred email is tried again.
import type { ResolvedSettings } from '../settings/settings';

/** A server's wish is followed between these bounds: never a hot loop, never lost for days. */
const LEAST_WISH = 1_000;
const MOST_WISH = 24 * 3_600_000;

/**
 * Milliseconds until the next attempt: `delay * 2^(n-1)` or fixed, never over `maxDelay`, spread by the jitter so that
 * what failed together does not come back together; a server's own wish ("try again in 300 seconds") counts where it is
 * longer.
 * @param attempt the attempt that just failed, from 1
 * @param least the operator's bound, which the jitter does not go below either, ms
 * @param random from 0 (inclusive) to 1 (exclusive)
 */
export const retryDelay = (
  backoff: ResolvedSettings['backoff'],
  attempt: number,
  random: number,
  retryAfter?: number,
  least = 1,
): number => {
  const grown = backoff.type === 'fixed' ? backoff.delay : backoff.delay * 2 ** Math.min(attempt - 1, 40);
  const bounded = Math.min(grown, backoff.maxDelay);
  const spread = bounded * (1 + backoff.jitter * (2 * random - 1));
  const wish = retryAfter === undefined ? 0 : Math.min(Math.max(retryAfter, LEAST_WISH), MOST_WISH);
  return Math.max(least, Math.round(Math.max(spread, wish)));
};
