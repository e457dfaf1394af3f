// Statistics as CSV (RFC 4180), for spreadsheets.
import { COUNTS, type Statistics } from './asked';

const HEAD = ['at', 'tenant', 'application', 'transport', ...COUNTS, 'latency_count', 'latency_mean_ms'] as const;
const BOUNDS = ['1s', '5s', '30s', '5m', '1h', 'more'] as const;

/** A spreadsheet takes what begins like this for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

const field = (value: string | number | undefined): string => {
  const text = String(value ?? '');
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** @returns a line for each row, the oldest first, after one of names */
export const toCsv = ({ rows }: Statistics): string => {
  const lines = rows.map((row) => [
    row.at,
    row.tenant,
    row.application,
    row.transport,
    ...COUNTS.map((name) => row[name]),
    row.latency.count,
    row.latency.meanMs,
    ...BOUNDS.map((bound) => row.latency.within[bound]),
  ]);
  const head = [...HEAD, ...BOUNDS.map((bound) => `latency_${bound}`)];
  return [head, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
};
