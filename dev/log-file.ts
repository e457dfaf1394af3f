// The log files of the processes that the launcher starts: opened, kept small, and read when one of them dies.
import { existsSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

/** A log that has grown past this is put aside at the next start; one old one is kept. */
const LARGE = 20 * 1024 * 1024;

/** Opens a log file to append to; the caller closes it. */
export const openLog = (file: string): number => {
  if (existsSync(file) && statSync(file).size > LARGE) renameSync(file, `${file}.old`);
  return openSync(file, 'a', 0o600);
};

/** A line of JSON as a sentence, any other line as it is. */
const sentence = (line: string): string => {
  try {
    const { level, message, error } = JSON.parse(line) as Record<string, unknown>;
    const cause = (error as { message?: unknown } | undefined)?.message;
    if (typeof message !== 'string') return line;
    const serious = typeof level === 'number' && level >= 50 ? 'ERROR ' : '';
    return `${serious}${message}${typeof cause === 'string' ? `: ${cause}` : ''}`;
  } catch {
    return line;
  }
};

/** Where the next line of an open log will stand. */
export const endOf = (log: number): number => fstatSync(log).size;

/** The last lines of a log, indented, readable; only those written after `from`. */
export const tailOf = (file: string, lines: number, from: number): string => {
  if (!existsSync(file)) return '  (nothing)';
  const all = readFileSync(file).toString('utf8', from).split('\n');
  const last = all.filter((line) => line.trim() !== '').slice(-lines);
  return last.length === 0 ? '  (nothing)' : last.map((line) => `  ${sentence(line)}`).join('\n');
};
