// Gets Debian's or Ubuntu's own redis-server without root: apt with a private state, unpacked into the data folder.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LIMIT = { timeout: 180_000, maxBuffer: 64 * 1024 * 1024 };

export interface Unpacked {
  /** May not exist. */
  path: string;
  /** What its libraries need. */
  env: Record<string, string>;
}

const homeOf = (dataDir: string): string => join(dataDir, 'redis-server');

const foldersIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [e.name] : []))
    : [];

/** Where the unpacked server is, or would be. */
export const unpackedRedis = (dataDir: string): Unpacked => {
  const root = join(homeOf(dataDir), 'root');
  const libraries = ['usr/lib', 'lib'].flatMap((folder) => {
    const triples = foldersIn(join(root, folder)).filter((name) => name.includes('-linux-'));
    return [...triples.map((name) => join(root, folder, name)), join(root, folder)];
  });
  return { path: join(root, 'usr/bin/redis-server'), env: { LD_LIBRARY_PATH: libraries.join(':') } };
};

/**
 * apt reads this file last. Its own lists and archives, the system's sources, keys and proxy. The hooks of the system
 * are switched off: they clean up caches that are not ours.
 */
const aptConf = (home: string): string => `
Dir::State "${home}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "${home}/cache";
Dir::Log "${home}/log";
Debug::NoLocking "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Post-Invoke-Success;
`;

/**
 * What redis-tools (in which the server is; redis-server is a link into it) needs directly. What those need in turn is
 * on every machine that has apt, since apt itself needs it.
 */
const dependencies = async (conf: string): Promise<string[]> => {
  const { stdout } = await run('apt-cache', ['-c', conf, 'depends', 'redis-tools'], LIMIT);
  const names = [...stdout.matchAll(/^[ |]*(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$/gm)].flatMap(
    ([, name]) => name ?? [],
  );
  // Another C library than the one of the machine would not go with its loader.
  return names.filter((name) => name !== 'libc6');
};

const fetchAndUnpack = async (home: string): Promise<void> => {
  const conf = join(home, 'apt.conf');
  const debs = join(home, 'debs');
  const draft = join(home, 'draft');
  const env = { ...process.env, LC_ALL: 'C' };
  const apt = (...args: string[]) => run('apt-get', ['-c', conf, '-qq', ...args], { ...LIMIT, env, cwd: debs });
  // One broken source of the machine must not matter as long as the package is found in another.
  await apt('update').catch(() => undefined);
  await apt('download', 'redis-server', 'redis-tools');
  // Of alternatives only one may exist; whether enough came shows when the server is asked for its version.
  for (const name of await dependencies(conf)) await apt('download', name).catch(() => undefined);
  for (const name of readdirSync(debs)) await run('dpkg', ['-x', join(debs, name), draft], LIMIT);
  renameSync(draft, join(home, 'root'));
};

/**
 * Downloads and unpacks redis-server and the libraries it needs (about 10 MB unpacked; the lists of packages are deleted
 * again).
 * @throws where there is no apt, no network or no such package
 */
export const unpackRedisPackage = async (dataDir: string): Promise<void> => {
  const home = homeOf(dataDir);
  rmSync(home, { recursive: true, force: true });
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'log', 'debs', 'draft']) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  writeFileSync(join(home, 'apt.conf'), aptConf(home));
  try {
    await fetchAndUnpack(home);
  } finally {
    for (const rest of ['state', 'cache', 'log', 'debs', 'draft', 'apt.conf']) {
      rmSync(join(home, rest), { recursive: true, force: true });
    }
  }
};
