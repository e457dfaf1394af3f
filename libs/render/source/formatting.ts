// Dates, numbers and money in the words of a locale: what the host does for templates, whose sandbox has no Intl.
import { LRUCache } from 'lru-cache';

/** Characters of all arguments together. Formats need few; texts that are compared may be longer. */
const LONGEST = 20_000;

type Options = Record<string, unknown>;

/** Making a formatter takes fifty times as long as using it. */
const formatters = new LRUCache<string, Intl.DateTimeFormat | Intl.NumberFormat>({ max: 200 });

const cached = <T extends Intl.DateTimeFormat | Intl.NumberFormat>(key: string, make: () => T): T => {
  const known = formatters.get(key) as T | undefined;
  if (known !== undefined) return known;
  const made = make();
  formatters.set(key, made);
  return made;
};

/** The options without the locale, which must be there: an email goes to a reader, not to the machine's own country. */
const withLocale = (options: Options, example: string): [locale: string, options: Options] => {
  const { locale, ...rest } = options;
  if (typeof locale !== 'string') throw new RangeError(`a locale is needed, like ${example}`);
  return [locale, rest];
};

const FIELDS = ['dateStyle', 'timeStyle', 'weekday', 'era', 'year', 'month', 'day', 'dayPeriod', 'hour', 'minute'];

const KINDS: Record<string, (...values: never[]) => string | number> = {
  /** UTC where no time zone is given: the same on every machine. */
  date: (value: number, given: Options) => {
    const [locale, rest] = withLocale(given, "formatDate(value, { locale: 'de-CH' })");
    const style = FIELDS.some((name) => name in rest) ? {} : { dateStyle: 'medium' };
    const options = { timeZone: 'UTC', ...style, ...rest };
    const key = JSON.stringify(['date', locale, options]);
    return cached(key, () => new Intl.DateTimeFormat(locale, options as Intl.DateTimeFormatOptions)).format(value);
  },
  number: (value: number | string, given: Options) => {
    const [locale, options] = withLocale(given, "formatNumber(value, { locale: 'de-CH' })");
    const key = JSON.stringify(['number', locale, options]);
    const format = cached(key, () => new Intl.NumberFormat(locale, options as Intl.NumberFormatOptions));
    // A decimal in a string keeps all its digits.
    return format.format(value as number);
  },
  toLocaleString: (value: number, locale?: string, options?: Options) =>
    new Date(value).toLocaleString(locale, options as Intl.DateTimeFormatOptions),
  toLocaleDateString: (value: number, locale?: string, options?: Options) =>
    new Date(value).toLocaleDateString(locale, options as Intl.DateTimeFormatOptions),
  toLocaleTimeString: (value: number, locale?: string, options?: Options) =>
    new Date(value).toLocaleTimeString(locale, options as Intl.DateTimeFormatOptions),
  toLocaleNumber: (value: string, locale?: string, options?: Options) =>
    new Intl.NumberFormat(locale, options).format(value as unknown as number),
  /** The machine's own would be the same after each clean image. */
  random: () => Math.random(),
  compare: (one: string, other: string, locale?: string, options?: Options) =>
    one.localeCompare(other, locale, options as Intl.CollatorOptions),
};

/**
 * Answers a template's question. Both ways go as JSON, so that no object of the host is ever in a template's reach.
 * @param values the arguments, a JSON array
 * @returns JSON: `[answer]`, or `[null, why not]`
 */
export const answerFormat = (kind: string, values: string): string => {
  try {
    const format = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
    if (format === undefined || values.length > LONGEST) throw new RangeError('that is too long to be formatted');
    const given = (JSON.parse(values) as unknown[]).map((value) => value ?? undefined);
    return JSON.stringify([format(...(given as never[]))]);
  } catch (error) {
    return JSON.stringify([null, error instanceof Error ? error.message : 'it cannot be formatted']);
  }
};
