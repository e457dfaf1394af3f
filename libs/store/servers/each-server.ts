// What is asked of a server instead of a key: of one Redis, or of every node of a cluster.
import { Cluster, type Redis as SingleRedis } from 'ioredis';

export type Redis = SingleRedis | Cluster;

export const isCluster = (redis: Redis): redis is Cluster => redis instanceof Cluster;

/** The servers that hold keys. */
const primariesOf = (redis: Redis): SingleRedis[] => (isCluster(redis) ? redis.nodes('master') : [redis]);

/** Every server that somebody may be connected to. */
const serversOf = (redis: Redis): SingleRedis[] => (isCluster(redis) ? redis.nodes() : [redis]);

/** @returns what each server that holds keys answers @throws where one of them does not */
export const askPrimaries = <T>(redis: Redis, ask: (server: SingleRedis) => Promise<T>): Promise<T[]> =>
  Promise.all(primariesOf(redis).map(ask));

/** How a server is called where there are several. */
export const serverName = ({ options }: SingleRedis): string => `${options.host}:${options.port}`;

/** @returns how many listen to a channel; a node of a cluster knows of its own alone, and one that is away has none */
export const countListeners = async (redis: Redis, channel: string): Promise<number> => {
  const counts = serversOf(redis).map(async (server) => {
    const [, count] = (await server.call('PUBSUB', 'NUMSUB', channel)) as [string, number];
    return Number(count);
  });
  const answers = await Promise.all(isCluster(redis) ? counts.map((count) => count.catch(() => 0)) : counts);
  return answers.reduce((sum, count) => sum + count, 0);
};

/** Calls back whenever a server is lost: the one that takes its place may not have got all that was written last. */
export const whenLost = (redis: Redis, lost: () => void): void => {
  redis.on('close', lost);
  redis.on('-node', lost);
};
