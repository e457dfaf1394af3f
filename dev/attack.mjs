// Attacks the service: `npm run attack`, for an hour: `npm run attack -- --minutes 60`; the same again: `-- --seed <the number it printed>`.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare();
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', join('test', 'attack', 'run', 'main.ts'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
