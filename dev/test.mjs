// `npm test`: prepares the checkout, finds the real servers and the browser that the tests need, then runs jest.
// `npm run test:full` (--full) runs test/full/ as well: what needs more of the system, or more time.
import { spawn } from 'node:child_process';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from './chromium.mjs';
import { helm } from './helm.mjs';
import { nodeVersions } from './node-versions.mjs';
import { cCompiler } from './c-compiler.mjs';
import { php } from './php.mjs';
import { postfix } from './postfix.mjs';
import { dovecot } from './dovecot.mjs';
import { fail, prepare, root } from './prepare.mjs';
import { previousVersion } from './previous-version.mjs';
import { smtpClients } from './smtp-clients.mjs';
import { promtool } from './promtool.mjs';
import { swift } from './swift.mjs';

/** Also where a test of that folder is asked for by its path. */
const isFull = process.argv.some((one) => one === '--full' || one.startsWith('test/full'));

/** From here on it can be a cluster of one node (test/support/redis/test-redis.ts). */
const CLUSTER_REDIS = 7;
const clusterRedis = ({ ROHRPOST_TEST_REDIS_CLUSTER: path }) =>
  path === undefined
    ? { problem: `Redis or Valkey ${CLUSTER_REDIS} or newer as a program; all others run on what is there.` }
    : { path };

/** The server that each test file starts for itself; the same search as `npm start`, downloads kept for both. */
const redisEnv = async () => {
  const { findRedisBinary } = await import('../dist/dev/redis-binary.js');
  try {
    const binary = await findRedisBinary(resolve(root, process.env.ROHRPOST_DATA_DIR || '.rohrpost'), console.log);
    if (binary.container !== undefined) return {};
    return {
      ROHRPOST_TEST_REDIS: binary.path,
      ROHRPOST_TEST_REDIS_LIBRARIES: binary.env.LD_LIBRARY_PATH ?? '',
      ...(Number.parseInt(binary.version, 10) >= CLUSTER_REDIS && { ROHRPOST_TEST_REDIS_CLUSTER: '1' }),
    };
  } catch (error) {
    return fail(error.message);
  }
};

const loud = (lines) => {
  const width = Math.max(...lines.map((line) => line.length));
  console.log(['', '!'.repeat(width), ...lines, '!'.repeat(width), ''].join('\n'));
};

/** Folders of tests that need something of the system, what finds it, and the variable that tells them where it is. */
const NEEDS = [
  { folder: 'test/browser/', what: 'Chromium', find: chromium, variable: 'ROHRPOST_TEST_CHROMIUM' },
  { folder: 'test/real/', what: 'Postfix', find: postfix, variable: 'ROHRPOST_TEST_POSTFIX' },
  ...[
    'contract/one-slot',
    'contract/moving-slot',
    'fault/redis/cluster',
    'fault/redis/failover',
    'fault/redis/reshard',
  ].map((file) => ({
    folder: `test/${file}`,
    what: 'Redis 7',
    find: clusterRedis,
    variable: 'ROHRPOST_TEST_REDIS_CLUSTER',
  })),
];
const NEEDS_OF_FULL = [
  { folder: 'test/full/console/', what: 'Chromium', find: chromium, variable: 'ROHRPOST_TEST_CHROMIUM' },
  { folder: 'test/full/swift', what: 'Swift', find: swift, variable: 'ROHRPOST_TEST_SWIFT' },
  {
    folder: 'test/full/smtp-clients',
    what: 'swaks, curl and Postfix',
    find: smtpClients,
    variable: 'ROHRPOST_TEST_SWAKS',
  },
  { folder: 'test/full/bounces', what: 'Postfix', find: postfix, variable: 'ROHRPOST_TEST_POSTFIX' },
  { folder: 'test/full/bounce-mailbox', what: 'Dovecot', find: dovecot, variable: 'ROHRPOST_TEST_DOVECOT' },
  { folder: 'test/full/promtool', what: 'promtool', find: promtool, variable: 'ROHRPOST_TEST_PROMTOOL' },
  { folder: 'test/full/client-examples', what: 'PHP', find: php, variable: 'ROHRPOST_TEST_PHP' },
  { folder: 'test/full/redis-clock-step', what: 'a compiler of C', find: cCompiler, variable: 'ROHRPOST_TEST_CC' },
  {
    folder: 'test/full/two-versions',
    what: 'an earlier version',
    find: previousVersion,
    variable: 'ROHRPOST_TEST_PREVIOUS',
  },
  { folder: 'test/full/helm', what: 'helm', find: helm, variable: 'ROHRPOST_TEST_HELM' },
  { folder: 'test/full/node-versions', what: 'Node', find: nodeVersions, variable: 'ROHRPOST_TEST_NODES' },
];

/** Files that take long for what a change usually breaks: left to the full run, and to whoever asks for files by their path. */
const LONG = [
  'test/attack/hostile-input',
  'test/attack/messages',
  'test/attack/template-escapes',
  'test/browser/ready-templates',
  'test/contract/large-error-log',
  'test/contract/words.test',
  'test/fault/accidents',
  'test/fault/data/restore-',
  'test/fault/processes/archive-kill',
  'test/fault/processes/bulk-crash',
  'test/fault/processes/clock-skew',
  'test/fault/processes/clock-step',
  'test/fault/processes/events-kill',
  'test/fault/processes/first-questions',
  'test/fault/processes/frozen-worker',
  'test/fault/processes/poison',
  'test/fault/processes/rolling',
  'test/fault/processes/smtp-intake',
  'test/fault/processes/start-and-stop',
  'test/fault/processes/webhooks-kill',
  'test/fault/redis/cluster-failover',
  'test/fault/redis/failover-lag',
  'test/fault/redis/failover.test',
  'test/fault/redis/lost-replies',
  'test/fault/redis/other-clients',
  'test/fault/redis/redis-full',
  'test/fault/redis/reshard',
  'test/fault/redis/tls',
  'test/fault/servers/fallback',
  'test/fault/servers/identity-provider',
  'test/fault/servers/outage',
  'test/fault/servers/servers',
  'test/fault/servers/smtp-phases',
  'test/flow/accepting/large',
  'test/flow/sending/bounce-mailbox',
  'test/flow/sending/bounded-log',
  'test/flow/sending/fleet',
  'test/life.property',
];
const asksForFiles = process.argv.slice(2).some((one) => !one.startsWith('-'));

/** What of the system is there; tests that lack theirs are left out, loudly. */
const system = (redis) => {
  const found = [...NEEDS, ...(isFull ? NEEDS_OF_FULL : [])].map((need) => ({ ...need, ...need.find(redis) }));
  const missing = found.filter(({ path }) => path === undefined);
  const env = Object.fromEntries(found.flatMap(({ path, variable }) => (path === undefined ? [] : [[variable, path]])));
  const warning = missing.flatMap(({ folder, what, problem }) => [
    `NOT RUN: the tests in ${folder} need ${what}, and there is none:`,
    problem,
  ]);
  if (warning.length > 0) loud(warning);
  const left = [
    ...missing.map(({ folder }) => folder),
    ...(isFull ? [] : ['test/full/']),
    ...(isFull || asksForFiles ? [] : LONG),
  ];
  const ignored = left.flatMap((folder) => ['--testPathIgnorePatterns', folder]);
  const args = ignored.length > 0 ? ['--testPathIgnorePatterns', '/node_modules/', ...ignored] : [];
  return { env, args, warning };
};

/** What the full run repeats on a Redis Cluster of three nodes. */
const ON_THREE_NODES = ['test/flow', 'test/browser/board'];

/** Runs jest with its usual report, and has it write its figures to a file as well. */
const jest = (args, env, figures) =>
  new Promise((done) => {
    const command = [join(root, 'node_modules/jest/bin/jest.js'), ...args, '--json', '--outputFile', figures];
    // With --json jest prints its figures to standard output as well: its report is on standard error.
    const child = spawn(process.execPath, command, { cwd: root, env, stdio: ['inherit', 'ignore', 'inherit'] });
    // Ctrl-C reaches jest too: it ends its tests, then we end with it.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('exit', (code) => done(code ?? 1));
  });

const summary = (figures) => {
  if (!existsSync(figures)) return;
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(
    readFileSync(figures, 'utf8'),
  );
  const skipped = numPendingTests === 0 ? '' : `, ${numPendingTests} skipped`;
  // A file that does not even load has no tests to count.
  const broken = numFailedTests === 0 && numFailedTestSuites > 0 ? ` (${numFailedTestSuites} files could not run)` : '';
  console.log(`${numPassedTests} passed, ${numFailedTests} failed${skipped}${broken}`);
};

prepare();
const redis = await redisEnv();
const { env, args, warning } = system(redis);
const folder = mkdtempSync(join(tmpdir(), 'rohrpost-test-'));
const wanted = process.argv.slice(2).filter((one) => one !== '--full');
const runs = [{ files: wanted, more: {} }];
if (isFull && !asksForFiles && redis.ROHRPOST_TEST_REDIS_CLUSTER !== undefined)
  runs.push({ files: [...wanted, ...ON_THREE_NODES], more: { ROHRPOST_TEST_REDIS_NODES: '3' } });
let code = 0;
for (const [index, { files, more }] of runs.entries()) {
  const figures = join(folder, `jest-${index}.json`);
  const ended = await jest([...files, ...args], { ...process.env, ...redis, ...env, ...more }, figures);
  code = Math.max(code, ended);
  summary(figures);
}
if (warning.length > 0) loud(warning);
rmSync(folder, { recursive: true, force: true });
process.exitCode = code;
