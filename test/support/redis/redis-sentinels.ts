// A primary, its replicas and the Sentinels that watch them, on this machine.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../dev/ports';
import { findRedisBinary, type RedisBinary } from '../../../dev/redis-binary';
import { recordPlace } from '../../../dev/redis-place';
import { startRedis, type RedisOptions, type RedisServer } from '../../../dev/redis';
import { eventually } from '../wait';
import { nodeFolder, ask } from './redis-cluster';
import { JOURNALED } from './redis-journal';

export interface WatchedRedis extends RedisServer {
  /** The first one is the primary until somebody changes that. */
  servers: RedisServer[];
  sentinels: ChildProcess[];
  /** That of the Sentinels themselves. */
  sentinelPassword: string;
  /** The port of the primary, as the Sentinels say. */
  primaryPort(): Promise<number>;
}

export interface SentinelOptions extends RedisOptions {
  replicas?: number;
  /** A primary that is silent for so long is down, ms. */
  downAfterMs?: number;
}

const NAME = 'mail';

/** Sentinels keep what they know in their file of configuration. */
const startSentinel = async (folder: string, binary: RedisBinary, lines: string[]): Promise<ChildProcess> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const child = spawn(binary.path, [file, '--sentinel'], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ...binary.env },
  });
  await once(child, 'spawn');
  return child;
};

const startServers = async (
  { dataDir, extra = [], ...options }: RedisOptions,
  count: number,
  password: string,
): Promise<RedisServer[]> => {
  const servers: RedisServer[] = [];
  for (let index = 0; index < count; index++) {
    const folder = nodeFolder(dataDir, index);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    recordPlace(folder, { port: await freePort(), password, dir: '' });
    const [primary] = servers;
    const lines = [
      `masterauth ${password}`,
      'repl-diskless-sync-delay 0',
      ...(primary === undefined ? [] : [`replicaof 127.0.0.1 ${primary.port}`]),
      ...JOURNALED,
      ...extra,
    ];
    servers.push(await startRedis({ ...options, dataDir: folder, extra: lines }));
  }
  return servers;
};

/** All replicas have what the primary has, and all Sentinels know of each other and of them. */
const untilWatched = (servers: RedisServer[], sentinels: Redis[]): Promise<unknown> =>
  eventually(
    async () => {
      for (const replica of servers.slice(1))
        expect(await ask(replica, 'INFO', 'replication')).toContain('master_link_status:up');
      for (const sentinel of sentinels) {
        const info = String(await sentinel.call('INFO', 'sentinel'));
        expect(info).toContain(`status=ok`);
        expect(info).toContain(`slaves=${servers.length - 1},sentinels=${sentinels.length}`);
      }
    },
    { timeout: 30_000, every: 100 },
  );

/** Starts a primary, its replicas and three Sentinels, of which two suffice. */
export const startWatchedRedis = async (options: SentinelOptions): Promise<WatchedRedis> => {
  const { replicas = 2, downAfterMs = 1_000, ...rest } = options;
  const binary = options.binary ?? (await findRedisBinary(options.dataDir));
  const [password, sentinelPassword] = [randomBytes(24).toString('base64url'), randomBytes(24).toString('base64url')];
  const servers = await startServers({ ...rest, binary }, replicas + 1, password);
  const [primary] = servers;
  if (primary === undefined) throw new Error('there is a primary');
  const ports = [await freePort(), await freePort(), await freePort()];
  const sentinels = await Promise.all(
    ports.map((port, index) =>
      startSentinel(join(options.dataDir, `sentinel-${index}`), binary, [
        'bind 127.0.0.1',
        `port ${port}`,
        `requirepass ${sentinelPassword}`,
        `sentinel sentinel-pass ${sentinelPassword}`,
        `sentinel monitor ${NAME} 127.0.0.1 ${primary.port} 2`,
        `sentinel auth-pass ${NAME} ${password}`,
        `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
        `sentinel failover-timeout ${NAME} 5000`,
      ]),
    ),
  );
  const asked = ports.map((port) => new Redis({ port, host: '127.0.0.1', password: sentinelPassword }));
  for (const sentinel of asked) sentinel.on('error', () => undefined);
  await untilWatched(servers, asked);
  return {
    ...primary,
    servers,
    sentinels,
    sentinelPassword,
    url: `redis-sentinel://:${password}@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${NAME}`,
    async primaryPort() {
      const [, port] = (await asked[0]?.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [string, string];
      return Number(port);
    },
    async stop() {
      for (const sentinel of asked) sentinel.disconnect();
      for (const sentinel of sentinels) {
        if (sentinel.exitCode !== null || sentinel.signalCode !== null) continue;
        sentinel.kill('SIGKILL');
        await once(sentinel, 'exit');
      }
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
};
