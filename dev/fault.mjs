// Runs fault tests in the size of their promise: `npm run fault -- <name>`, or all of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Each test's path by its name: they lie in folders by what breaks. */
const tests = new Map(
  readdirSync(join(root, 'test/fault'), { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => [basename(path, '.test.ts'), join('test/fault', path)]),
);
const known = [...tests.keys()];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no fault test ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  process.exit(1);
}
const paths = (wanted.length > 0 ? wanted : known).map((name) => tests.get(name));
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
