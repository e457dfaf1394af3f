// Times in a form: as people of a time zone type them (HTML `datetime-local`), and as the API takes them.

/** `2026-12-01T09:00:00`: a point in time by the clock of a zone. @param ms since 1970 @param zone IANA */
const clockOf = (ms: number, zone: string): string =>
  new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
    .format(ms)
    .replace(' ', 'T');

/** As a form shows it: seconds only where there are some, since browsers leave out others. @param iso ISO 8601 */
export const toLocal = (iso: string, zone: string): string => clockOf(Date.parse(iso), zone).replace(/:00$/, '');

/**
 * The point in time at which the clock of the zone shows what was typed; where it never does, because clocks are put forward, the
 * one as much later as they are put.
 * @returns ISO 8601 in UTC; what is no such time, as it was typed
 */
export const fromLocal = (typed: string, zone: string): string => {
  const wanted = Date.parse(`${typed}Z`);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(typed) || Number.isNaN(wanted)) return typed;
  const aheadAt = (ms: number): number => Date.parse(`${clockOf(ms, zone)}Z`) - ms;
  // The offset of a moment before is right but for the hours after a change; then that of the moment itself.
  const first = wanted - aheadAt(wanted);
  const second = wanted - aheadAt(first);
  const shows = (ms: number): boolean => ms + aheadAt(ms) === wanted;
  return new Date(shows(second) ? second : Math.max(first, second)).toISOString();
};
