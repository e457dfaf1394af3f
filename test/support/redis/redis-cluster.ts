// A Redis Cluster of real nodes on this machine: what holds a queue, a tenant and the fleet are different servers.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, type Redis } from 'ioredis';
import { freePort } from '../../../dev/ports';
import { recordPlace } from '../../../dev/redis-place';
import { startRedis, type RedisOptions, type RedisServer } from '../../../dev/redis';
import { eventually } from '../wait';
import { JOURNALED } from './redis-journal';

export interface RedisCluster extends RedisServer {
  /** The primaries first, then a replica of each, in their order. */
  nodes: RedisServer[];
}

export interface ClusterOptions extends RedisOptions {
  primaries?: number;
  /** Each primary has one. */
  replicas?: boolean;
}

const SLOTS = 16_384;
/** A primary that is silent for so long is replaced, ms. */
const NODE_TIMEOUT_MS = 2_000;

/** The folder of each node lies in that of the cluster. */
export const nodeFolder = (dataDir: string, index: number): string => join(dataDir, `node-${index}`);

/** The nodes of a cluster, or the one server. */
export const nodesOf = (server: RedisServer): RedisServer[] => (server as Partial<RedisCluster>).nodes ?? [server];

/** Of several nodes the fullest one speaks for all. */
const fullest = (infos: string[]): string => {
  const used = (info: string): number => Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0);
  return infos.toSorted((a, b) => used(b) - used(a))[0] ?? '';
};

/** A client as of one server: what is asked of a server and not of a key is asked of every node. */
export const openCluster = (addresses: { host: string; port: number }[], redisOptions: RedisOptionsOfClient): Redis => {
  const cluster = new Cluster(addresses, { redisOptions });
  const ofAll = <T>(...words: [string, ...string[]]): Promise<T[]> =>
    Promise.all(cluster.nodes('master').map((node) => node.call(...words) as Promise<T>));
  const ready = (): Promise<unknown> => cluster.get('test:ready');
  const keys = async (pattern: string): Promise<string[]> => {
    await ready();
    return (await ofAll<string[]>('KEYS', pattern)).flat();
  };
  const callOne = cluster.call.bind(cluster) as (...words: string[]) => Promise<unknown>;
  const call = async (...words: [string, ...string[]]): Promise<unknown> => {
    const [name, pattern = ''] = words;
    if (!['KEYS', 'CONFIG', 'INFO'].includes(name)) return callOne(...words);
    if (name === 'KEYS') return keys(pattern);
    await ready();
    const answers = await ofAll<string>(...words);
    return name === 'INFO' ? fullest(answers) : answers[0];
  };
  return Object.assign(cluster, { keys, call }) as unknown as Redis;
};

interface RedisOptionsOfClient {
  password?: string;
  maxRetriesPerRequest?: null;
}

/** Asks one node, over a connection of its own. */
export const ask = async <T>(node: RedisServer, ...words: string[]): Promise<T> => {
  const redis = await node.connect();
  try {
    return (await redis.call(...(words as [string, ...string[]]))) as T;
  } finally {
    redis.disconnect();
  }
};

/** Its id in the cluster. */
export const nodeId = (node: RedisServer): Promise<string> => ask(node, 'CLUSTER', 'MYID');

const startNode = async (
  { dataDir, extra = [], ...options }: RedisOptions,
  index: number,
  password: string,
): Promise<{ node: RedisServer; bus: number }> => {
  const folder = nodeFolder(dataDir, index);
  const [port, bus] = [await freePort(), await freePort()];
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  recordPlace(folder, { port, password, dir: '' });
  const lines = [
    'cluster-enabled yes',
    `cluster-port ${bus}`,
    `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
    `masterauth ${password}`,
    'repl-diskless-sync-delay 0',
    ...JOURNALED,
    ...extra,
  ];
  return { node: await startRedis({ ...options, dataDir: folder, extra: lines }), bus };
};

/** All nodes agree about who has which slots, and that none is missing. */
const untilWhole = (nodes: RedisServer[]): Promise<unknown> =>
  eventually(
    async () => {
      const states = await Promise.all(nodes.map((node) => ask<string>(node, 'CLUSTER', 'INFO')));
      for (const state of states) {
        expect(state).toContain('cluster_state:ok');
        expect(state).toContain(`cluster_known_nodes:${nodes.length}`);
      }
    },
    { timeout: 20_000, every: 50 },
  );

const addReplicas = async (nodes: RedisServer[], primaries: number): Promise<void> => {
  const known = await Promise.all(nodes.slice(0, primaries).map(nodeId));
  for (const [index, replica] of nodes.slice(primaries).entries()) {
    await eventually(() => ask(replica, 'CLUSTER', 'REPLICATE', known[index] ?? ''), { timeout: 20_000, every: 50 });
  }
  await eventually(
    async () => {
      for (const replica of nodes.slice(primaries))
        expect(await ask(replica, 'INFO', 'replication')).toContain('master_link_status:up');
    },
    { timeout: 20_000, every: 50 },
  );
};

/** Starts the nodes, each with a share of the slots, as `redis-cli --cluster create` does. */
export const startRedisCluster = async (options: ClusterOptions): Promise<RedisCluster> => {
  const { primaries = 3, replicas = false, ...rest } = options;
  const password = randomBytes(24).toString('base64url');
  const count = primaries * (replicas ? 2 : 1);
  const started = await Promise.all(Array.from({ length: count }, (_, index) => startNode(rest, index, password)));
  const nodes = started.map(({ node }) => node);
  const [first] = started;
  if (first === undefined) throw new Error('a cluster has a node');
  await Promise.all(
    nodes.slice(0, primaries).map((node, index) => {
      const from = Math.floor((SLOTS * index) / primaries);
      const to = Math.floor((SLOTS * (index + 1)) / primaries) - 1;
      return ask(node, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    }),
  );
  // Each its own, or two that are replaced at once would both want to be the newer one.
  await Promise.all(nodes.map((node, index) => ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))));
  for (const node of nodes.slice(1))
    await ask(node, 'CLUSTER', 'MEET', '127.0.0.1', String(first.node.port), String(first.bus));
  await untilWhole(nodes);
  if (replicas) await addReplicas(nodes, primaries);
  const addresses = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    ...first.node,
    nodes,
    url: `redis-cluster://:${password}@${addresses.map(({ host, port }) => `${host}:${port}`).join(',')}`,
    connect: () => Promise.resolve(openCluster(addresses, { password })),
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
    kill: async (signal) => void (await Promise.all(nodes.map((node) => node.kill(signal)))),
  };
};
