// Turns measured numbers into figures: the middle one, how far they spread, the one that 99 of 100 stay below.

/** The value that a share `q` (0 to 1) of the numbers does not exceed; NaN of none. */
export const quantile = (numbers: readonly number[], q: number): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? Number.NaN;
};

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
};

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);

/** `1,234/s`, of several rounds with the least and the greatest: `1,234/s (1,200 to 1,301)`. */
export const shown = (numbers: readonly number[], unit: string): string => {
  const middle = `${digits(median(numbers))}${unit}`;
  if (numbers.length < 2) return middle;
  return `${middle} (${digits(quantile(numbers, 0))} to ${digits(quantile(numbers, 1))})`;
};

/** The median over rounds of ours by the baseline of the same round: what slows the machine down slows both. */
export const ratioOf = (ours: readonly number[], baseline: readonly number[]): number =>
  median(ours.map((value, round) => value / (baseline[round] ?? Number.NaN)));

/** Rounds by turns, so that all meet the same machine. @returns what each measured, in the order of the rounds */
export const interleaveAll = async <T>(
  rounds: number,
  all: readonly ((round: number) => Promise<T>)[],
): Promise<T[][]> => {
  const results = all.map((): T[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, one] of all.entries()) results[index]?.push(await one(round));
  return results;
};

/** The same of ours and the baseline. */
export const interleave = async <T>(
  rounds: number,
  ours: (round: number) => Promise<T>,
  baseline: (round: number) => Promise<T>,
): Promise<{ ours: T[]; baseline: T[] }> => {
  const [first = [], second = []] = await interleaveAll(rounds, [ours, baseline]);
  return { ours: first, baseline: second };
};

/** Occurrences per second between two shares of them, by the times (ms) at which they happened. */
export const ratePerSecond = (times: readonly number[], from = 0, to = 1): number => {
  const sorted = [...times].sort((a, b) => a - b);
  const [first, last] = [Math.floor((sorted.length - 1) * from), Math.floor((sorted.length - 1) * to)];
  return ((last - first) * 1_000) / ((sorted[last] ?? Number.NaN) - (sorted[first] ?? Number.NaN));
};
