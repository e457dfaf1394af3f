// A point in time as clients write it: ISO 8601 with a time and an offset, nothing to be guessed.
import { z } from 'zod';

/** BullMQ keeps due times as `ms * 4096` in a double; later ones would lose their milliseconds (getDelayedScore.lua). */
const LATEST_TIME = Date.parse('2039-09-01T00:00:00Z');

const LIKE = 'like 2026-12-01T08:00:00+01:00';
const DATE = '\\d{4}-\\d{2}-\\d{2}';
const TIME = `${DATE}[T ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?`;
const FORMS: [form: RegExp, message: string][] = [
  [new RegExp(`^${DATE}$`), `has no time: give a date and a time with its offset, ${LIKE}`],
  [new RegExp(`^${TIME}$`), `has no offset, so it is not clear which time is meant: add Z for UTC or one ${LIKE}`],
  [new RegExp(`^${TIME} ?[+-]\\d{2}(?:\\d{2})?$`), `has an offset without a colon: write it ${LIKE}`],
  [new RegExp(`^${DATE} `), `has a space between date and time: write a T there, ${LIKE}`],
  [new RegExp(`^${TIME}(?:Z|[+-]\\d{2}:\\d{2})$`), 'is no day of the calendar, or no time of a day'],
];

/** @returns what is wrong with something that is no point in time, and how one is written */
export const instantFault = (given: unknown): string | undefined => {
  if (typeof given === 'number')
    return `must be a date and a time in a string, ${LIKE}, not a number (seconds since 1970 are not taken)`;
  if (typeof given !== 'string') return undefined;
  const [, message] = FORMS.find(([form]) => form.test(given)) ?? [];
  return message ?? `must be an ISO 8601 date and time with an offset, ${LIKE}`;
};

export const Instant = z.iso
  .datetime({ offset: true, error: ({ input }) => instantFault(input) })
  .refine((text) => !(Date.parse(text) >= LATEST_TIME), 'must be before 2039-09-01');
