// The Redis of one test file: as a rule a cluster of one node, which refuses what a Redis Cluster would refuse (CROSSSLOT).
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../dev/ports';
import { findRedisBinary, type RedisBinary } from '../../../dev/redis-binary';
import { startRedis, type RedisOptions, type RedisServer } from '../../../dev/redis';
import { readRedisUrl } from '../../../libs/store/servers/redis-place';
import { openCluster, startRedisCluster } from './redis-cluster';
import { JOURNALED } from './redis-journal';

/** Set by dev/test.mjs where the server is Redis 7 or newer: others know neither `cluster-port` nor the scripts of strict-scripts.ts nor the times of redis-journal.ts. */
const CAN_BE_CLUSTER = process.env['ROHRPOST_TEST_REDIS_CLUSTER'] === '1';

/** So many nodes has the cluster of each test file; one unless dev/test.mjs says otherwise. */
const NODES = Number(process.env['ROHRPOST_TEST_REDIS_NODES'] ?? 1);

/** A client of the tests for a Redis of theirs, by its address. */
export const openClient = (url: string, options: { maxRetriesPerRequest?: null } = {}): Redis => {
  const place = readRedisUrl(url);
  if (place.kind !== 'cluster') return new Redis(url, options);
  const redisOptions = { ...options, ...(place.password !== undefined && { password: place.password }) };
  return openCluster(place.nodes, redisOptions);
};

export type TestRedisOptions = RedisOptions & {
  /** Starts it without `cluster-enabled`: for tests that start it again or make it a replica, which a cluster of one node cannot be. */
  plain?: boolean;
};

/**
 * Has the node begin as the replica of a master that has all slots and is gone, and take over from it. A master that starts says
 * CLUSTERDOWN for its first two seconds (CLUSTER_WRITABLE_DELAY in Redis' cluster.c); one that takes over does not.
 */
const nodesFile = (port: number, master: string): string =>
  [
    `${master} 127.0.0.1:1@2 master - 0 0 1 connected 0-16383`,
    `${randomBytes(20).toString('hex')} 127.0.0.1:${port}@0 myself,slave ${master} 0 0 1 connected`,
    'vars currentEpoch 1 lastVoteEpoch 0',
    '',
  ].join('\n');

/** Tests beside this one may take a port between the question for a free one and the start. */
const TRIES = 3;

const startNode = async (
  options: RedisOptions,
  binary: RedisBinary,
  extra: readonly string[],
): Promise<{ server: RedisServer; master: string }> => {
  for (let tries = 1; ; tries++) {
    const [port, clusterPort, master] = [await freePort(), await freePort(), randomBytes(20).toString('hex')];
    await mkdir(join(options.dataDir, 'redis'), { recursive: true, mode: 0o700 });
    await writeFile(join(options.dataDir, 'redis', 'nodes.conf'), nodesFile(port, master));
    const cluster = ['cluster-enabled yes', `cluster-port ${clusterPort}`, ...extra];
    try {
      return { server: await startRedis({ ...options, binary, port, extra: cluster }), master };
    } catch (error) {
      if (tries === TRIES || !String(error).includes('Address already in use')) throw error;
    }
  }
};

/**
 * Starts the Redis server of a data folder. A plain client works with it; every command, script or transaction with keys of several
 * slots is refused.
 * @throws StopError with the reason
 */
export const startTestRedis = async ({ plain = false, ...options }: TestRedisOptions): Promise<RedisServer> => {
  const binary = options.binary ?? (await findRedisBinary(options.dataDir));
  if (!CAN_BE_CLUSTER) return startRedis({ ...options, binary });
  const extra = [...JOURNALED, ...(options.extra ?? [])];
  if (plain) return startRedis({ ...options, binary, extra });
  if (NODES > 1) return startRedisCluster({ ...options, binary, primaries: NODES });
  const { server, master } = await startNode(options, binary, extra);
  const redis = new Redis(server.url, { enableReadyCheck: false });
  await redis.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await redis.call('CLUSTER', 'FORGET', master);
  redis.disconnect();
  return server;
};
