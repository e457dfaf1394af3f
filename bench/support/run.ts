// Frames a benchmark: reads its options, names the machine, prints its table, fails only where it could not measure.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLab, ROOT, type Lab } from './lab';

/** One line of the table. */
export interface Row {
  name: string;
  ours: string;
  baseline: string;
  ratio: string;
  /** What was promised, in words; nothing for a figure beside it. */
  reach: string;
  met?: boolean;
}

/** The sizes of a benchmark: a look, the usual, everything. */
export interface Sizes<T> {
  quick: T;
  usual: T;
  full?: T;
}

const HEAD = { name: '', ours: 'ours', baseline: 'baseline', ratio: 'ratio', reach: 'reach', met: 'reached' };

/** Prints to standard output, whatever a test runner does with the console. */
export const printTable = (rows: Row[]): void => {
  const lines = [HEAD, ...rows.map((row) => ({ ...row, met: row.met === undefined ? '' : row.met ? 'yes' : 'no' }))];
  const columns = ['name', 'ours', 'baseline', 'ratio', 'reach', 'met'] as const;
  const widths = columns.map((column) => Math.max(...lines.map((line) => line[column].length)));
  for (const line of lines)
    process.stdout.write(`${columns.map((column, n) => line[column].padEnd(widths[n] ?? 0)).join('  ')}\n`);
};

const versionOf = (name: string): string => {
  const file = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return `${name} ${(JSON.parse(file) as { version: string }).version}`;
};

/** What it ran on, in a line. @param redis its version */
export const machine = (redis: string): string => {
  const [first] = cpus();
  const packages = ['bullmq', 'nodemailer', 'eta', 'express'].map(versionOf).join(', ');
  return `${cpus().length} x ${first?.model.trim() ?? 'unknown CPU'}; Node ${process.version}, Redis ${redis}, ${packages}`;
};

const readOptions = () =>
  parseArgs({ options: { quick: { type: 'boolean' }, full: { type: 'boolean' }, 'cpu-prof': { type: 'string' } } })
    .values;

const measureAndPrint = async <T>(
  question: string,
  sizes: Sizes<T>,
  measure: (lab: Lab, size: T) => Promise<Row[]>,
): Promise<void> => {
  const options = readOptions();
  const size = options.quick ? sizes.quick : options.full ? (sizes.full ?? sizes.usual) : sizes.usual;
  const lab = await openLab(options['cpu-prof']);
  const begun = performance.now();
  try {
    const rows = await measure(lab, size);
    console.log(`\n${question}\n${machine(lab.redis.version)}`);
    printTable(rows);
    console.log(`${Math.round((performance.now() - begun) / 1_000)} s, sizes: ${JSON.stringify(size)}`);
  } finally {
    await lab.close();
  }
};

/**
 * Measures and prints. A reach that was missed is a `no` in the table; the exit code is 1 only where nothing could be
 * measured, for example because emails were lost.
 */
export const bench = <T>(question: string, sizes: Sizes<T>, measure: (lab: Lab, size: T) => Promise<Row[]>): void => {
  measureAndPrint(question, sizes, measure).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
};
