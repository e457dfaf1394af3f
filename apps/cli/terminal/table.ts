// Tables for people: narrow, aligned, no frames.

const GAP = '  ';

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** No cell of a terminal is narrower than this, however narrow it is. */
const NARROWEST = 8;

/**
 * Lines of a table, its titles first. The last column takes what is left of the line.
 * @param width characters of a line; undefined: nothing is cut
 */
export const tableOf = (titles: readonly string[], rows: readonly string[][], width?: number): string[] => {
  const all = [[...titles], ...rows].map((row) => row.map((cell) => cell.replace(/\s+/g, ' ')));
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  const last = width === undefined ? Infinity : Math.max(NARROWEST, width - before);
  return all.map((row) =>
    row
      .map((cell, column) => (column === titles.length - 1 ? cut(cell, last) : cell.padEnd(widths[column] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
};

/** Names and values, one pair a line; those without a value are left out. */
export const pairsOf = (pairs: readonly (readonly [string, string | undefined])[]): string[] => {
  const there = pairs.filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '');
  const width = Math.max(0, ...there.map(([name]) => name.length));
  return there.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`);
};

const two = (number: number): string => String(number).padStart(2, '0');

/** A time of the API as this machine's clock shows it, such as `2026-12-01 08:00:30`. */
export const localTime = (iso: string): string => {
  const at = new Date(iso);
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
};
