// The embedded Redis: started on 127.0.0.1 with a password, its data in the data folder, found again by later starts.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { endOf, openLog, tailOf } from './log-file';
import { freePort } from './ports';
import { findRedisBinary, type RedisBinary } from './redis-binary';
import { containerArgs } from './redis-container';
import { connectTo, findPlace, recordPlace, whose, type Place } from './redis-place';
import { shownPath, StopError, type Say } from './telling';

/** A running Redis server that is ours. */
export interface RedisServer {
  url: string;
  port: number;
  password: string;
  pid: number;
  version: string;
  /** Left running by an earlier run. */
  reused: boolean;
  /** Opens a connection that has passed the password. */
  connect(): Promise<Redis>;
  /** SHUTDOWN, and waits until it is gone. */
  stop(): Promise<void>;
  /** Sends a signal, and waits until the server is gone, unless the signal only freezes or wakes it. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface RedisOptions {
  dataDir: string;
  /** Found if not given. */
  binary?: RedisBinary;
  /** The one of the earlier run, or a free one, if not given. */
  port?: number;
  appendonly?: boolean;
  /** Further lines of configuration, for example `maxmemory 10mb`. */
  extra?: readonly string[];
  say?: Say;
}

const START_LIMIT = 20_000;
const STOP_LIMIT = 5_000;
const PASSING = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGCONT']);

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const configOf = (place: Place, container: boolean, { appendonly = true, extra = [] }: RedisOptions): string =>
  [
    `bind ${container ? '0.0.0.0' : '127.0.0.1'}`,
    `port ${place.port}`,
    `requirepass ${place.password}`,
    `dir ${quoted(place.dir)}`,
    `appendonly ${appendonly ? 'yes' : 'no'}`,
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    ...extra,
    '',
  ].join('\n');

interface Spawned {
  child: ChildProcess;
  /** Where its log begins. */
  from: number;
}

/** The configuration goes through standard input, so that no password shows in the list of processes. */
const spawnServer = (place: Place, binary: RedisBinary, options: RedisOptions, logFile: string): Spawned => {
  const log = openLog(logFile);
  const from = endOf(log);
  const { container } = binary;
  const child = spawn(binary.path, container === undefined ? ['-'] : containerArgs(container, place), {
    stdio: ['pipe', log, log],
    env: { ...process.env, ...binary.env },
    // A process group of its own: Ctrl-C reaches the launcher, which stops Redis last.
    detached: true,
  });
  closeSync(log);
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(configOf(place, container !== undefined, options));
  return { child, from };
};

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

/** Waits until the server answers; reading a long file does not count against it. */
const untilReady = async (place: Place, logFile: string, spawned?: Spawned): Promise<void> => {
  let until = performance.now() + START_LIMIT;
  for (;;) {
    const owner = await whose(place);
    if (owner === 'ours') return;
    if (owner === 'loading') until = performance.now() + START_LIMIT;
    if ((spawned !== undefined && hasEnded(spawned.child)) || performance.now() > until) {
      throw new StopError(
        `Redis did not start. The end of ${shownPath(logFile)}:\n${tailOf(logFile, 6, spawned?.from ?? 0)}`,
      );
    }
    await pause(10);
  }
};

/** Waits until nothing answers on the port, and the child, where there is one, has ended. */
const untilGone = async (place: Place, child: ChildProcess | undefined, limit: number): Promise<boolean> => {
  const until = performance.now() + limit;
  while (performance.now() < until) {
    const gone = child === undefined ? (await whose(place)) === 'nobody' : hasEnded(child);
    if (gone) return true;
    await pause(5);
  }
  return false;
};

/** Makes what the rest of the program holds of a server that answers. */
const take = async (place: Place, child: ChildProcess | undefined): Promise<RedisServer> => {
  const redis = await connectTo(place);
  const info = String(await redis.call('INFO', 'server'));
  redis.disconnect();
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const pid = child?.pid ?? Number(field('process_id'));

  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child !== undefined && hasEnded(child)) return;
    process.kill(pid, signal);
    if (!PASSING.has(signal)) await untilGone(place, child, STOP_LIMIT);
  };
  const stop = async (): Promise<void> => {
    if (child !== undefined && hasEnded(child)) return;
    // The pid of a server left by an earlier run may have gone to another program by now: prove it again.
    if ((await whose(place)) === 'nobody') return;
    const last = await connectTo(place).catch(() => undefined);
    // A server that goes closes the connection instead of answering.
    await last?.call('SHUTDOWN').catch(() => undefined);
    last?.disconnect();
    if (!(await untilGone(place, child, STOP_LIMIT))) await kill('SIGKILL');
  };
  return {
    url: `redis://:${place.password}@127.0.0.1:${place.port}/0`,
    port: place.port,
    password: place.password,
    pid,
    version: field('valkey_version') || field('redis_version'),
    reused: child === undefined,
    connect: () => connectTo(place),
    stop,
    kill,
  };
};

/**
 * Starts the Redis server of a data folder, or takes over the one that an earlier run left there.
 * Stopped or killed, it can be started again: same folder, same port, same password.
 * @throws StopError with the reason and, where there is one, the cure
 */
export const startRedis = async (options: RedisOptions): Promise<RedisServer> => {
  const { dataDir, say } = options;
  const logFile = join(dataDir, 'logs', 'redis.log');
  const place = await findPlace(dataDir, options.port);
  const owner = await whose(place);
  if (owner === 'silent') {
    throw new StopError(
      `Something on 127.0.0.1:${place.port} takes connections but does not answer. It may be the Redis of an earlier ` +
        `start with data in ${place.dir}: end that process, or delete ${join(dataDir, 'redis.json')} if it is another's.`,
    );
  }
  if (owner === 'ours' || owner === 'loading') {
    await untilReady(place, logFile);
    return take(place, undefined);
  }
  // Somebody else has the port by now; ours is not running, or it would.
  if (owner === 'stranger' && options.port !== undefined)
    throw new StopError(`Port ${place.port} belongs to another program.`);
  if (owner === 'stranger') place.port = await freePort();
  recordPlace(dataDir, place);
  const spawned = spawnServer(place, options.binary ?? (await findRedisBinary(dataDir, say)), options, logFile);
  await untilReady(place, logFile, spawned);
  return take(place, spawned.child);
};
