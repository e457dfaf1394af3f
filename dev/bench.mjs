// Runs benchmarks: `npm run bench -- <name> ... [--quick | --full] [--cpu-prof=<folder>]`, or all of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

const known = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace('.ts', ''));
const options = process.argv.slice(2).filter((word) => word.startsWith('--'));
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  process.exit(1);
}
prepare();
const run = (name) =>
  spawnSync(process.execPath, ['--import', 'tsx', join('bench', `${name}.ts`), ...options], {
    cwd: root,
    stdio: 'inherit',
  }).status;
const broken = (wanted.length > 0 ? wanted : known).filter((name) => run(name) !== 0);
if (broken.length > 0) console.error(`\nNo figures: ${broken.join(', ')} (see above).`);
process.exit(broken.length > 0 ? 1 : 0);
