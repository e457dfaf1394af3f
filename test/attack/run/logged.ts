// What the service's processes logged as errors during the attack.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** pino's number of `error`. */
const ERROR = 50;

export interface Logged {
  process: string;
  text: string;
  count: number;
  /** The first of them, as it was logged. */
  first: string;
}

/** @param folder with `api.log` and `worker.log`. @returns each message once, and whatever is no line of the log: a crash says it so */
export const readErrors = (folder: string): Logged[] => {
  const found = new Map<string, Logged>();
  for (const name of ['api', 'worker']) {
    const file = join(folder, `${name}.log`);
    for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
      const isLine = line.startsWith('{"level":');
      if (line === '' || (isLine && Number(/^\{"level":(\d+)/.exec(line)?.[1]) < ERROR)) continue;
      const text = isLine ? ((JSON.parse(line) as { message?: string }).message ?? '') : line.slice(0, 100);
      const known = found.get(name + text);
      if (known === undefined) found.set(name + text, { process: name, text, count: 1, first: line.slice(0, 1_500) });
      else known.count++;
    }
  }
  return [...found.values()];
};
