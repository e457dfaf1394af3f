// Where a benchmark runs: a Redis of its own, the service's processes as they are shipped, a fast server that takes mail.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findRedisBinary } from '../../dev/redis-binary';
import { startRedis, type RedisServer } from '../../dev/redis';
import { startChild, type Child } from './child';
import { openSink, type Sink } from './sink-client';

export const ROOT = join(__dirname, '../..');
const OPERATOR_KEY = 'operator-key-of-the-benchmarks-0123456789';

export interface Lab {
  redis: RedisServer;
  /** A connection of the benchmark itself. */
  client: Redis;
  /** The folder of what the processes log, a file for each kind. */
  logs: string;
  /** Starts a process of the service as it was built, with the usual settings. */
  start(app: 'api' | 'worker' | 'smtp', env?: NodeJS.ProcessEnv): Promise<Child>;
  /** Starts a process of bench/processes. */
  startOwn(name: string, task: unknown): Promise<Child>;
  sink(options?: { delay?: number }): Promise<Sink>;
  /** Asks the API as the operator. @throws where the answer is no success */
  call<T = Record<string, unknown>>(api: Child, method: string, path: string, body?: unknown): Promise<T>;
  close(): Promise<void>;
}

const call = async <T>(api: Child, method: string, path: string, body?: unknown): Promise<T> => {
  const response = await fetch(`http://127.0.0.1:${api.hello.port}/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
};

/** @param profiles a folder for CPU profiles of the service's processes and of those they are compared with */
export const openLab = async (profiles: string | undefined): Promise<Lab> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-bench-'));
  const redis = await startRedis({ dataDir, binary: await findRedisBinary(join(ROOT, '.rohrpost'), console.log) });
  const client = new Redis(redis.url);
  const children: Child[] = [];
  const execArgv = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const serviceEnv = {
    PATH: process.env['PATH'],
    REDIS_URL: redis.url,
    ROHRPOST_DATA_DIR: dataDir,
    ROHRPOST_OPERATOR_KEY: OPERATOR_KEY,
    ROHRPOST_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    ROHRPOST_HTTP_PORT: '0',
    ROHRPOST_NAME: 'mail.bench',
  };
  const started = async (child: Promise<Child>): Promise<Child> => {
    children.push(await child);
    return child;
  };
  const logs = join(dataDir, 'logs');
  const log = (name: string): string => join(logs, `${name}.log`);
  const startOwn = (name: string, task: unknown): Promise<Child> =>
    started(
      startChild({
        file: join(ROOT, 'bench', 'processes', `${name}.ts`),
        args: [JSON.stringify(task)],
        execArgv: ['--import', 'tsx', ...(name === 'sink' ? [] : execArgv)],
        logFile: log(name),
      }),
    );
  return {
    redis,
    client,
    logs,
    startOwn,
    start: (app, env) =>
      started(
        startChild({
          file: join(ROOT, 'dist', 'apps', app, 'main.js'),
          env: { ...serviceEnv, ...env },
          execArgv,
          logFile: log(app),
        }),
      ),
    sink: async ({ delay = 0 } = {}) => openSink(await startOwn('sink', { delay })),
    call,
    async close() {
      await Promise.all(children.map((child) => child.end()));
      client.disconnect();
      await redis.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/** A tenant with a transport to the sink, a template and a default sender. */
export const setUpTenant = async (
  lab: Lab,
  api: Child,
  tenant: string,
  smtpPort: number,
  template: Record<string, string>,
): Promise<void> => {
  const at = `/tenants/${tenant}`;
  await lab.call(api, 'PUT', at, { from: `Sender <sender@${tenant}.example>` });
  await lab.call(api, 'PUT', `${at}/transports/default`, { host: '127.0.0.1', port: smtpPort, security: 'none' });
  await lab.call(api, 'PUT', `${at}/templates/receipt`, template);
};
