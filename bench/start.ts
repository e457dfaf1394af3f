// How long does `npm start` take until everything runs, with dependencies installed and sources built?
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantile, shown } from './support/figures';
import { ROOT } from './support/lab';
import { bench } from './support/run';

const MOST_SECONDS = 5;
/** Said by the launcher when everything runs (dev/welcome.ts). */
const WELCOME = /^Rohrpost runs/m;

/** Starts in a data folder and stops again; seconds until the welcome. */
const startOnce = async (dataDir: string): Promise<number> => {
  const begun = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env: {
      ...process.env,
      ROHRPOST_DATA_DIR: dataDir,
      ROHRPOST_HTTP_PORT: '0',
      ROHRPOST_INBOX_SMTP_PORT: '0',
      ROHRPOST_SMTP_PORT: '0',
      ROHRPOST_INBOX_HTTP_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const seconds = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (WELCOME.test(said)) resolve((performance.now() - begun) / 1_000);
    });
    child.once('exit', () => reject(new Error(`npm start ended: ${said}`)));
  });
  // Its output is closed when the last of its processes is gone; npm itself may end before.
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
  return seconds;
};

bench(
  'start: npm start until everything runs; the first start of a data folder, and the next ones',
  { quick: { again: 1 }, usual: { again: 3 } },
  async (_lab, { again }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-bench-start-'));
    try {
      const first = await startOnce(dataDir);
      const later: number[] = [];
      for (let n = 0; n < again; n++) later.push(await startOnce(dataDir));
      return [
        { name: 'first start', ours: shown([first], ' s'), most: first },
        { name: 'later starts', ours: shown(later, ' s'), most: quantile(later, 0.5) },
      ].map(({ name, ours, most }) => ({
        name,
        ours,
        baseline: '',
        ratio: '',
        reach: `<= ${MOST_SECONDS} s`,
        met: most <= MOST_SECONDS,
      }));
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);
