// How often and how soon an email may be tried, whatever tenants ask for: the operator's bounds.
import { z } from 'zod';
import { DurationMs, durationMs } from '../input/duration';
import { problemAt } from '../input/problem';
import type { ResolvedSettings, SettingsLevel } from './settings';

export interface RetryBounds {
  /** ms between two attempts, at least. */
  leastBackoff: number;
  mostAttempts: number;
}

/** Variables of both processes. */
export const RETRY_ENV = {
  ROHRPOST_MIN_BACKOFF: DurationMs.default(1_000),
  ROHRPOST_MAX_ATTEMPTS: z.coerce.number().int().min(1).max(1_000).default(100),
};

export const toRetryBounds = (env: z.infer<z.ZodObject<typeof RETRY_ENV>>): RetryBounds => ({
  leastBackoff: env.ROHRPOST_MIN_BACKOFF,
  mostAttempts: env.ROHRPOST_MAX_ATTEMPTS,
});

/** As the settings' schema has it. */
export const NO_RETRY_BOUNDS: RetryBounds = { leastBackoff: 1, mostAttempts: 1_000 };

/** What was stored before the operator set a bound is held to it as well. */
export const boundRetries = (settings: ResolvedSettings, bounds: RetryBounds): ResolvedSettings => {
  const { attempts, backoff } = settings;
  const { leastBackoff, mostAttempts } = bounds;
  if (attempts <= mostAttempts && Math.min(backoff.delay, backoff.maxDelay) >= leastBackoff) return settings;
  return {
    ...settings,
    attempts: Math.min(attempts, mostAttempts),
    backoff: {
      ...backoff,
      delay: Math.max(backoff.delay, leastBackoff),
      maxDelay: Math.max(backoff.maxDelay, leastBackoff),
    },
  };
};

const span = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`);

/** Settings as they are given, or a merge patch of them. */
type Given = { attempts?: number | null | undefined; backoff?: SettingsLevel['backoff'] | null };

/**
 * @param before what was stored already may stay, and is held to the bounds when it is used
 * @param base where they stand in the input
 * @throws Problem `invalid` that names the bound
 */
export const requireRetries = (
  { leastBackoff, mostAttempts }: RetryBounds,
  given: Given,
  before: Given = {},
  base: readonly PropertyKey[] = [],
): void => {
  const { attempts } = given;
  if (typeof attempts === 'number' && attempts > mostAttempts && attempts !== before.attempts)
    throw problemAt(
      'invalid',
      [...base, 'attempts'],
      `must be at most ${mostAttempts}: the operator allows no more (ROHRPOST_MAX_ATTEMPTS)`,
    );
  for (const name of ['delay', 'maxDelay'] as const) {
    const delay = given.backoff?.[name];
    if (delay === undefined || durationMs(delay) >= leastBackoff || delay === before.backoff?.[name]) continue;
    throw problemAt(
      'invalid',
      [...base, 'backoff', name],
      `must be at least ${span(leastBackoff)}: the operator allows no less between attempts (ROHRPOST_MIN_BACKOFF)`,
    );
  }
};
