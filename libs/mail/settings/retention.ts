// When upkeep looks at an email that ended: to take its contents away, or all of it.
import type { ResolvedSettings } from './settings';

type Kept = Pick<ResolvedSettings, 'history' | 'errors' | 'contentDays'>;

/**
 * How long an email stands as it ended. Days.
 * @param log where it is kept
 */
export const daysAsItEnded = (settings: Kept, log: 'history' | 'errors'): number =>
  Math.min(settings[log].days, settings.contentDays ?? Infinity);
