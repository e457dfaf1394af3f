// Times as people read them: how long ago, with the exact one in reach.
import type { Visit } from '../page/page';

const UNITS: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** `3 minutes ago`, `in 2 hours`. @param at ms since 1970, as `now` */
export const relative = ({ language, say, now }: Pick<Visit, 'language' | 'say' | 'now'>, at: number): string => {
  const ms = at - now;
  const [unit, size] = UNITS.find(([, least]) => Math.abs(ms) >= least) ?? [];
  if (unit === undefined || size === undefined) return say('time.now');
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.trunc(ms / size), unit);
};

/** Date and time in the reader's zone. @param at ms since 1970 */
export const exact = ({ language, zone }: Pick<Visit, 'language' | 'zone'>, at: number): string =>
  new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: zone,
  }).format(at) + (zone === 'UTC' ? ' UTC' : '');

/** A span of time in one unit. @param ms of it */
export const span = ({ language }: Pick<Visit, 'language'>, ms: number): string => {
  const [unit, size] = UNITS.find(([, least]) => ms >= least) ?? ['second' as const, 1_000];
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: 0,
  }).format(Math.floor(ms / size));
};

/** How long ago, and the exact time where it is pointed at. @param at ISO 8601 or ms since 1970 */
export const Time = ({ visit, at }: { visit: Visit; at: string | number | undefined }) => {
  if (at === undefined) return <span>{visit.say('time.never')}</span>;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return (
    <time datetime={new Date(ms).toISOString()} title={exact(visit, ms)}>
      {relative(visit, ms)}
    </time>
  );
};

/** The exact time. */
export const ExactTime = ({ visit, at }: { visit: Visit; at: string | number }) => {
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return <time datetime={new Date(ms).toISOString()}>{exact(visit, ms)}</time>;
};
