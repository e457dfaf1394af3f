// The connection to Redis: how each kind of process waits for it, and what its faults mean.
import { setTimeout as pause } from 'node:timers/promises';
import { ReplyError, type Cluster, type Redis as SingleRedis } from 'ioredis';
import { codeOf, messageOf } from '../../runtime/fault';
import type { Log } from '../../runtime/log';
import { askPrimaries, isCluster, serverName, type Redis } from '../servers/each-server';
import { openRedis } from '../servers/open-redis';
import type { RedisSecrets } from '../servers/redis-place';
import { connectionFault } from '../servers/tls-fault';
import { unfitBy } from '../servers/unfit-server';

export type { Redis };

/** Whoever answers requests fails at once; whoever works in the background waits until Redis is back. */
export type Patience = 'fail-fast' | 'wait';

const OPTIONS = {
  // Without a limit a frozen Redis would hang requests; 5 s is far above any healthy answer.
  'fail-fast': { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000 },
  wait: { enableOfflineQueue: true, maxRetriesPerRequest: null },
} as const;

/** A replica, or a node that is away, is told of once in this time, however often it is asked, ms. */
const TOLD_MS = 60_000;
/** Between two connections; and after a replica was found where a primary should be. ms */
const [LONGEST_PAUSE_MS, REPLICA_PAUSE_MS] = [1_000, 1_000];

/**
 * What is said to Redis in one turn of the event loop leaves in one system call instead of one for each command, which were
 * a quarter of a busy process' time. ioredis' own pipelining (`enableAutoPipelining`) would do that too, but gives commands
 * up when the connection breaks in the middle of a pipeline; alone they are repeated.
 */
const leaveTogether = (redis: SingleRedis): void => {
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

/** @returns whether to tell of something now: not again within `TOLD_MS` */
const createSeldom = (): (() => boolean) => {
  let toldAt = -Infinity;
  return () => {
    if (performance.now() - toldAt < TOLD_MS) return false;
    toldAt = performance.now();
    return true;
  };
};

/** After a failover the old primary answers READONLY: reconnect, with a pause; who waits asks again, who does not is told. */
const createReplicaWatch = (patience: Patience, name: string, log: Log) => {
  const tells = createSeldom();
  let foundAt = -Infinity;
  return {
    retryMs: (times: number): number =>
      performance.now() - foundAt < REPLICA_PAUSE_MS ? REPLICA_PAUSE_MS : Math.min(50 * times, LONGEST_PAUSE_MS),
    reconnectOnError: (error: Error): false | 1 | 2 => {
      if (!error.message.startsWith('READONLY')) return false;
      foundAt = performance.now();
      if (tells())
        log.error({ connection: name }, 'Redis is a replica and takes no writes (READONLY): waiting for a master');
      return patience === 'wait' ? 2 : 1;
    },
  };
};

/** Tells of single nodes that are away; the cluster as a whole may be well without them. */
const watchNodes = (cluster: Cluster, url: string, name: string, log: Log): void => {
  const tells = createSeldom();
  cluster.on('+node', (node: SingleRedis) => node.on('connect', () => leaveTogether(node)));
  cluster.on('node error', (error: Error, node: string) => {
    if (tells())
      log.warn({ error: connectionFault(error, url), node, connection: name }, 'a node of the Redis Cluster is away');
  });
};

/**
 * Opens a connection that comes back by itself. Does not wait for it: see `whenReady`.
 * @param deps.name shown by CLIENT LIST
 * @param deps.listens where it only listens to channels
 * @throws Error where the URL cannot be understood
 */
export const connectRedis = (deps: {
  url: string;
  secrets?: RedisSecrets | undefined;
  patience: Patience;
  name: string;
  listens?: boolean;
  log: Log;
}): Redis => {
  const { url, secrets, patience, name, listens = false, log } = deps;
  const { retryMs, reconnectOnError } = createReplicaWatch(patience, name, log);
  const redis = openRedis({
    url,
    secrets,
    listens,
    waits: patience === 'wait',
    retryMs,
    options: {
      ...OPTIONS[patience],
      connectionName: `rohrpost:${name}`,
      retryStrategy: retryMs,
      reconnectOnError,
    },
  });
  if (isCluster(redis)) watchNodes(redis, url, name, log);
  else redis.on('connect', () => leaveTogether(redis));
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) log.error({ error: connectionFault(error, url), connection: name }, 'Redis is away: waiting for it');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({ connection: name }, 'Redis is back');
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

/** Who asks whether Redis answers does not wait longer than this. ms */
const SOON_MS = 1_500;

/** Does Redis answer, and at once? Never rejects. */
export const answersSoon = async (redis: Redis): Promise<boolean> => {
  if (redis.status !== 'ready') return false;
  const ended = new AbortController();
  const patience = pause(SOON_MS, false, { signal: ended.signal, ref: false }).catch(() => false);
  const answer = askPrimaries(redis, (server) => server.ping()).then(
    (answers) => answers.length > 0,
    () => false,
  );
  const answers = await Promise.race([answer, patience]);
  ended.abort();
  return answers;
};

/** Redis cannot be asked now; the request may be repeated. */
export class RedisAway extends Error {
  override name = 'RedisAway';
}

/** What was written is in Redis' memory, and not known to be where it should be; the write may be repeated. */
export class NotDurable extends Error {
  override name = 'NotDurable';
}

/** @throws RedisAway at once where a command would have to wait */
export const requireReady = (redis: Redis): void => {
  if (redis.status !== 'ready')
    throw new RedisAway('Redis does not answer; the service recovers by itself when it is back');
};

/** Answers of a Redis that takes no writes, or none yet, and what they mean. Scripts put them into words of their own. */
const REFUSALS: [RegExp, string][] = [
  [
    /\bREADONLY /,
    'this Redis is a replica and takes no writes (READONLY): a failover is under way, or REDIS_URL names the wrong server',
  ],
  [/\bMISCONF /, 'Redis cannot write to its own disk and takes no writes (MISCONF): make room there, see its log'],
  [/\bNOREPLICAS /, 'Redis takes no writes without its replicas (min-replicas-to-write): see whether they run'],
  [/^LOADING /, 'Redis has just started and reads its data'],
  [/^MASTERDOWN /, 'this Redis is a replica without its master (MASTERDOWN): a failover is under way'],
  [/^(CLUSTERDOWN|TRYAGAIN) ?/, 'the Redis Cluster is not whole: see its state'],
];

const refusalOf = (message: string): string | undefined => REFUSALS.find(([known]) => known.test(message))?.[1];

/** A transaction that was given up says so; why is said of its commands. */
const wordsOf = (error: unknown): string => {
  const { previousErrors = [] } = error as { previousErrors?: Error[] };
  return [error, ...previousErrors].map(messageOf).join('\n');
};

/** Why Redis refused, in a sentence for people, where it said so by name. */
export const redisRefusal = (error: unknown): string | undefined =>
  error instanceof ReplyError ? refusalOf(wordsOf(error)) : undefined;

const AWAY_ERRORS =
  /Stream isn't writeable|Connection is closed|Command timed out|max retries per request|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|Too many Cluster redirections|Cluster isn't ready|Cluster is ended|startup nodes|slots cache/i;

/** What a failed command says of Redis: full, away, or nothing (the fault is ours). */
export const redisFault = (error: unknown): 'full' | 'away' | undefined => {
  if (error instanceof RedisAway) return 'away';
  if (error instanceof ReplyError) {
    const message = wordsOf(error);
    if (message.includes('OOM command not allowed')) return 'full';
    return refusalOf(message) === undefined ? undefined : 'away';
  }
  return AWAY_ERRORS.test(`${String(codeOf(error))} ${messageOf(error)}`) ? 'away' : undefined;
};

/** What is wrong with this Redis for keeping emails: a sentence each, none where it fits; of a cluster, of each node that holds any. */
export const redisUnfit = async (redis: Redis): Promise<string[]> => {
  const problems = await askPrimaries(redis, async (server) => {
    const found = unfitBy(await server.info());
    return isCluster(redis) ? found.map((problem) => `${serverName(server)}: ${problem}`) : found;
  });
  return problems.flat();
};

/** The same where Redis may be away: that is a problem too. */
export const redisProblems = async (redis: Redis): Promise<string[]> => {
  try {
    requireReady(redis);
    return await redisUnfit(redis);
  } catch (error) {
    if (redisFault(error) === undefined) throw error;
    return [redisRefusal(error) ?? 'Redis does not answer'];
  }
};
