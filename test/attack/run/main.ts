// The command: `npm run attack [-- --minutes <n>] [-- --seconds <n>] [-- --seed <n>]`. Its exit code says whether the promises held.
import { parseArgs } from 'node:util';
import { attack } from './attack';

const SECONDS = 75;
const HIGHEST_SEED = 1_000_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string' } },
});
const seconds = values.minutes === undefined ? Number(values.seconds ?? SECONDS) : Number(values.minutes) * 60;
const seed = Number(values.seed ?? Math.floor(Math.random() * HIGHEST_SEED));
if (!(seconds >= 1) || !Number.isInteger(seed)) {
  console.error('--minutes and --seconds take a number of at least a second, --seed a whole number.');
  process.exit(1);
}
console.log(`seed ${seed}`);
attack({ seconds, seed }).then(
  ({ broken }) => {
    for (const promise of broken) console.error(`broken: ${promise}`);
    process.exitCode = broken.length > 0 ? 1 : 0;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
