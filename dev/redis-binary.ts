// Finds a Redis server that can be started here: on the machine, unpacked earlier, downloaded now, or as a container.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { unpackedRedis, unpackRedisPackage } from './redis-package';
import { reasonOf, type Say, StopError } from './telling';

const run = promisify(execFile);

/** A program that starts a Redis server. */
export interface RedisBinary {
  path: string;
  version: string;
  /** Added to the environment when it is started. */
  env: Record<string, string>;
  /** `path` is a container engine. */
  container?: 'docker' | 'podman';
}

const NAMES = ['valkey-server', 'redis-server', 'keydb-server'];
const USUAL_FOLDERS = [
  ...['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'],
  ...['/home/linuxbrew/.linuxbrew/bin', '/snap/bin'],
];
const OLDEST = [6, 2] as const;

const CURES = `Do one of these, then try again:
  sudo apt-get install redis-server        (Debian, Ubuntu)
  sudo dnf install valkey                  (Fedora, RHEL)
  brew install valkey                      (macOS)
  docker compose up                        (with Docker: everything in containers)
  REDIS_URL=redis://host:6379 npm start    (a server that you already have)`;

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** @returns the binary, or why it will not do */
const inspect = async (path: string, env: Record<string, string>): Promise<RedisBinary | string> => {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 10_000, env: { ...process.env, ...env } });
    const version = /v=(\d+\.\d+[.\d]*)/.exec(stdout)?.[1];
    if (version === undefined) return `${path}: it did not tell its version`;
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
    return old ? `${path}: ${version} is older than ${OLDEST.join('.')}` : { path, version, env };
  } catch (error) {
    return `${path}: ${firstLine(error)}`;
  }
};

const firstLine = (error: unknown): string => {
  const { stderr } = error as { stderr?: string };
  const said = (stderr ?? '').split('\n').find((line) => line.startsWith('E:'));
  return said ?? reasonOf(error).split('\n')[0] ?? 'failed';
};

const onThisMachine = async (tried: string[]): Promise<RedisBinary | undefined> => {
  const folders = new Set([...(process.env['PATH'] ?? '').split(delimiter), ...USUAL_FOLDERS]);
  const paths = NAMES.flatMap((name) => [...folders].filter((f) => f !== '').map((folder) => join(folder, name)));
  for (const path of paths.filter(isExecutable)) {
    const found = await inspect(path, {});
    if (typeof found !== 'string') return found;
    tried.push(found);
  }
  tried.push(`no ${NAMES.join(', ')} (${OLDEST.join('.')} or newer) in ${[...folders].join(' ')}`);
  return undefined;
};

const asPackage = async (dataDir: string, tried: string[], say: Say): Promise<RedisBinary | undefined> => {
  const { path } = unpackedRedis(dataDir);
  if (!isExecutable(path)) {
    if (process.env['ROHRPOST_NO_DOWNLOAD'] === '1')
      return void tried.push('download: ROHRPOST_NO_DOWNLOAD=1 forbids it');
    try {
      await run('apt-get', ['--version']);
    } catch {
      return void tried.push('download: apt-get is not on this system');
    }
    say(`No Redis here: unpacking the distribution's redis-server into ${dataDir} (once, nothing is installed) ...`);
    try {
      await unpackRedisPackage(dataDir);
    } catch (error) {
      return void tried.push(`download: ${firstLine(error)}`);
    }
  }
  const found = await inspect(path, unpackedRedis(dataDir).env);
  return typeof found === 'string' ? void tried.push(found) : found;
};

const asContainer = async (tried: string[]): Promise<RedisBinary | undefined> => {
  for (const engine of ['docker', 'podman'] as const) {
    try {
      // Asks the engine, not only the client: a client without an engine is common.
      const { stdout } = await run(engine, ['info', '--format', '{{.ID}}{{.Host.Hostname}}'], {
        timeout: 10_000,
      }).catch(() => run(engine, ['info'], { timeout: 10_000 }));
      if (stdout !== '') return { path: engine, version: 'valkey 8 (container)', env: {}, container: engine };
    } catch (error) {
      // EACCES: PATH has folders that this user may not enter, and no other has it.
      const missing = ['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
      tried.push(`${engine}: ${missing ? 'not installed' : 'its engine does not answer'}`);
    }
  }
  return undefined;
};

/**
 * Finds a Redis server (6.2 or newer) to start, in the order: named for the tests, on the machine, unpacked in the data
 * folder, the distribution's package, a container engine.
 * @throws StopError with everything that was tried and the cures
 */
export const findRedisBinary = async (dataDir: string, say: Say = () => undefined): Promise<RedisBinary> => {
  const named = process.env['ROHRPOST_TEST_REDIS'];
  const tried: string[] = [];
  if (named !== undefined && named !== '') {
    const libraries = process.env['ROHRPOST_TEST_REDIS_LIBRARIES'];
    const found = await inspect(named, libraries ? { LD_LIBRARY_PATH: libraries } : {});
    if (typeof found !== 'string') return found;
    tried.push(found);
  }
  const found = (await onThisMachine(tried)) ?? (await asPackage(dataDir, tried, say)) ?? (await asContainer(tried));
  if (found !== undefined) return found;
  throw new StopError(
    `No Redis server could be found. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\n${CURES}`,
  );
};
