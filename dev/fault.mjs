// Runs fault tests in the size of their promise: `npm run fault -- <name>`, or all of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const known = readdirSync(join(root, 'test/fault')).map((file) => file.replace('.test.ts', ''));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no fault test ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  process.exit(1);
}
const paths = (wanted.length > 0 ? wanted : known).map((name) => `test/fault/${name}.test.ts`);
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/jest/bin/jest.js'), '--runInBand', '--testTimeout=3600000', ...paths],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ROHRPOST_FAULT: 'full' },
  },
);
process.exit(status ?? 1);
