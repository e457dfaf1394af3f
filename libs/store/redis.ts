// The connection to Redis: how each kind of process waits for it, and what its faults mean.
import { Redis, ReplyError } from 'ioredis';
import { codeOf, messageOf } from '../runtime/fault';
import type { Log } from '../runtime/log';

export type { Redis };

/** Whoever answers requests fails at once; whoever works in the background waits until Redis is back. */
export type Patience = 'fail-fast' | 'wait';

const OPTIONS = {
  // Without a limit a frozen Redis would hang requests; 5 s is far above any healthy answer.
  'fail-fast': { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000 },
  wait: { enableOfflineQueue: true, maxRetriesPerRequest: null },
} as const;

/**
 * What is said to Redis in one turn of the event loop leaves in one system call instead of one for each command, which were
 * a quarter of a busy process' time. ioredis' own pipelining (`enableAutoPipelining`) would do that too, but gives commands
 * up when the connection breaks in the middle of a pipeline; alone they are repeated.
 */
const leaveTogether = (redis: Redis): void => {
  const { stream } = redis;
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let held = false;
  stream.write = (...args: unknown[]): boolean => {
    if (!held) {
      held = true;
      stream.cork();
      setImmediate(() => {
        held = false;
        stream.uncork();
      });
    }
    return write(...args);
  };
};

/**
 * Opens a connection that comes back by itself. Does not wait for it: see `whenReady`.
 * @param deps.name shown by CLIENT LIST
 */
export const connectRedis = (deps: { url: string; patience: Patience; name: string; log: Log }): Redis => {
  const redis = new Redis(deps.url, {
    ...OPTIONS[deps.patience],
    connectionName: `rohrpost:${deps.name}`,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
    // After a failover the old master answers READONLY: reconnect and ask again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  });
  redis.on('connect', () => leaveTogether(redis));
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) deps.log.error({ error: error.message, connection: deps.name }, 'Redis is away: waiting for it');
    away = true;
  });
  redis.on('ready', () => {
    if (away) deps.log.info({ connection: deps.name }, 'Redis is back');
    away = false;
  });
  return redis;
};

/** Resolves as soon as the connection can be used. */
export const whenReady = (redis: Redis): Promise<void> =>
  redis.status === 'ready' ? Promise.resolve() : new Promise((resolve) => redis.once('ready', () => resolve()));

/** Resolves as soon as the connection is lost; at once where there is none. What only waits for Redis need not be waited for then. */
export const whenAway = (redis: Redis): Promise<void> =>
  redis.status === 'ready' ? new Promise((resolve) => redis.once('close', () => resolve())) : Promise.resolve();

/** Redis cannot be asked now; the request may be repeated. */
export class RedisAway extends Error {
  override name = 'RedisAway';
}

/** @throws RedisAway at once where a command would have to wait */
export const requireReady = (redis: Redis): void => {
  if (redis.status !== 'ready')
    throw new RedisAway('Redis does not answer; the service recovers by itself when it is back');
};

const AWAY = /^(READONLY|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MISCONF)/;
const AWAY_ERRORS =
  /Stream isn't writeable|Connection is closed|Command timed out|max retries per request|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT/i;

/** What a failed command says of Redis: full, away, or nothing (the fault is ours). */
export const redisFault = (error: unknown): 'full' | 'away' | undefined => {
  if (error instanceof RedisAway) return 'away';
  if (error instanceof ReplyError) {
    const message = messageOf(error);
    if (message.includes('OOM command not allowed')) return 'full';
    return AWAY.test(message) ? 'away' : undefined;
  }
  return AWAY_ERRORS.test(`${String(codeOf(error))} ${messageOf(error)}`) ? 'away' : undefined;
};

/** What is wrong with this Redis for keeping emails: a sentence each, none where it fits. */
export const redisUnfit = async (redis: Redis): Promise<string[]> => {
  const info = await redis.info();
  const problems: string[] = [];
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const policy = field('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    problems.push(`Redis may evict emails: maxmemory-policy is ${policy}; set it to noeviction`);
  }
  if (field('aof_enabled') === '0')
    problems.push('Redis loses emails when it restarts: appendonly is off; set it to yes');
  return problems;
};
