// Brings a fresh checkout to the point where it can run: Node's version, packages, build. Needs nothing but Node and npm.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const OLDEST_NODE = 20;
const LOCK_STAMP = join(root, 'node_modules', '.rohrpost-lock');
const BUILD_STAMP = join(root, 'dist', '.rohrpost-build');
const SOURCES = ['apps', 'libs', 'dev', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Ends the process with a sentence that says what is wrong and what to do. */
export const fail = (message) => {
  console.error(`\n${message}\n`);
  process.exit(1);
};

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
const hash = (text) => createHash('sha256').update(text).digest('hex');

/** Runs npm: the one that runs this script where there is one, since it need not be on PATH. */
export const npm = (...args) => {
  const own = process.env.npm_execpath;
  const line = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, own] : ['npm'];
  const [command, ...first] = line;
  const result = spawnSync(command, [...first, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) fail(`npm could not be started (${result.error.message}). It comes with Node: https://nodejs.org`);
  return result.status === 0;
};

const checkNode = () => {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return;
  fail(`Rohrpost needs Node ${OLDEST_NODE} or newer; this is ${process.version}. Install one from https://nodejs.org`);
};

/** npm's own record of what it installed, compared with the lock: somebody may have run `npm ci` by hand, offline now. */
const npmInstalledIt = (lock) => {
  const record = read(join(root, 'node_modules', '.package-lock.json'));
  if (record === '') return false;
  const installed = JSON.parse(record).packages;
  return Object.entries(JSON.parse(lock).packages).every(
    ([path, wanted]) =>
      path === '' || (installed[path] ? installed[path].version === wanted.version : wanted.optional === true),
  );
};

const install = () => {
  const lock = read(join(root, 'package-lock.json'));
  if (lock === '') fail('package-lock.json is missing: is this the whole repository?');
  if (read(LOCK_STAMP) === hash(lock)) return;
  if (!npmInstalledIt(lock)) {
    console.log('Installing what package-lock.json names (once, about 20 s) ...');
    // The compiler is a development package: it is wanted here even where NODE_ENV says production.
    if (!npm('ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund')) {
      fail('npm ci failed (see above). It needs the npm registry; check the network or the proxy, then try again.');
    }
  }
  writeFileSync(LOCK_STAMP, hash(lock));
};

/** Every source with its time and size, so that a changed, a new and a deleted file all show. */
const inventory = (path) => {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  const state = statSync(full);
  if (!state.isDirectory()) return [`${path} ${state.mtimeMs} ${state.size}`];
  return readdirSync(full)
    .sort()
    .flatMap((name) => inventory(join(path, name)));
};

const build = () => {
  const now = hash(SOURCES.flatMap(inventory).join('\n'));
  if (read(BUILD_STAMP) === now) return;
  console.log('Building (only when sources have changed) ...');
  if (!npm('run', '--silent', 'build')) fail('The build failed (see above).');
  mkdirSync(dirname(BUILD_STAMP), { recursive: true });
  writeFileSync(BUILD_STAMP, now);
};

/** Checks Node, installs and builds; each step only when needed. Ends the process with a message if it cannot. */
export const prepare = () => {
  checkNode();
  install();
  build();
};
