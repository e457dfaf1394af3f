// What people type by the clock on their wall is that point in time, also where clocks are changed.
import { fromLocal, toLocal } from './local-time';

test.each([
  ['2026-12-01T08:00:00.000Z', 'Europe/Berlin', '2026-12-01T09:00'],
  ['2026-07-01T08:00:07.000Z', 'Europe/Berlin', '2026-07-01T10:00:07'],
  ['2026-12-01T00:00:00.000Z', 'America/New_York', '2026-11-30T19:00'],
  ['2026-12-01T08:00:00.000Z', 'UTC', '2026-12-01T08:00'],
  ['2026-12-01T08:00:00.000Z', 'Asia/Kathmandu', '2026-12-01T13:45'],
  // Hours around a change.
  ['2026-03-29T00:59:00.000Z', 'Europe/Berlin', '2026-03-29T01:59'],
  ['2026-03-29T01:00:00.000Z', 'Europe/Berlin', '2026-03-29T03:00'],
  ['2026-10-25T02:00:00.000Z', 'Europe/Berlin', '2026-10-25T03:00'],
  ['2026-03-08T07:00:00.000Z', 'America/New_York', '2026-03-08T03:00'],
  ['2026-03-08T06:59:00.000Z', 'America/New_York', '2026-03-08T01:59'],
])('%s in %s is %s', (iso, zone, local) => {
  expect(toLocal(iso, zone)).toBe(local);
  expect(fromLocal(local, zone)).toBe(iso);
});

test('a time that a clock shows twice is one of the two, one that it never shows is the next', () => {
  expect(toLocal(fromLocal('2026-10-25T02:30', 'Europe/Berlin'), 'Europe/Berlin')).toBe('2026-10-25T02:30');
  expect(fromLocal('2026-03-29T02:30', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
  expect(fromLocal('2026-03-08T02:30', 'America/New_York')).toBe('2026-03-08T07:30:00.000Z');
});

test.each(['tomorrow', '', '2026-13-45T99:00'])('what is no time is left to the API: %j', (typed) =>
  expect(fromLocal(typed, 'UTC')).toBe(typed),
);
