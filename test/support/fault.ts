// What fault tests share: their size, and the table that each prints of what it did and found.

/** `npm run fault` runs the sizes of the promise; `npm test` a shortened form. */
export const FULL = process.env['ROHRPOST_FAULT'] === 'full';

/** Prints a table to standard output, whatever jest does with the console. */
export const showTable = (name: string, rows: Record<string, string | number>[]): void => {
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [heads, ...rows.map((row) => heads.map((head) => String(row[head] ?? '')))];
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  process.stdout.write(`\n${name}\n${lines.join('\n')}\n`);
};
