// One connection to any node of a Redis Cluster, for whoever listens: a message is heard at every node.
import { createConnection } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { Address } from './redis-place';

/** Of ioredis, all but what would change the shape of answers. */
export type Options = Omit<RedisOptions, 'replyMapping'>;

/** A connection that is to be closed and is not by then is torn down, ms. */
const CLOSED_MS = 2_000;

/** The nodes that are known, one after the other. */
const createRound = (seeds: Address[]) => {
  let known = seeds;
  let next = Math.floor(Math.random() * seeds.length);
  return {
    next: (): Address => known[next++ % known.length] ?? (seeds[0] as Address),
    /** What a node says of the cluster; the seeds stay, in case all of it has moved. */
    learn(nodes: Address[]): void {
      const found = [...nodes, ...seeds].map(({ host, port }) => [`${host}:${port}`, { host, port }] as const);
      known = [...new Map(found).values()];
    },
  };
};

/** `CLUSTER SLOTS`: of each range its first and last slot, then its nodes, the primary first. An unknown host is empty. */
const nodesIn = (slots: unknown): Address[] =>
  (slots as [number, number, ...[string | null, number, ...unknown[]][]][]).flatMap(([, , ...nodes]) =>
    nodes.flatMap(([host, port]) => (host ? [{ host, port: Number(port) }] : [])),
  );

/**
 * ioredis' Cluster would listen by itself, but not tell when it heard nothing for a while, having lost its node. This is a
 * connection like any other, which closes and becomes ready; with each attempt it goes to another node.
 */
export const connectToAnyNode = (seeds: Address[], tls: ConnectionOptions | undefined, options: Options): Redis => {
  const round = createRound(seeds);
  class AnyNode extends AbstractConnector {
    constructor() {
      super(CLOSED_MS);
    }
    override connect(): ReturnType<AbstractConnector['connect']> {
      this.connecting = true;
      const address = round.next();
      this.stream = tls === undefined ? createConnection(address) : connectTls({ ...address, ...tls });
      this.stream.once('error', (error: Error) => void (this.firstError = error));
      return Promise.resolve(this.stream);
    }
  }
  const redis = new Redis({ ...options, ...(tls !== undefined && { tls }), Connector: AnyNode });
  redis.on('ready', () => {
    // Where it fails the connection is gone again, and the next node is asked.
    redis.cluster('SLOTS').then(
      (slots) => round.learn(nodesIn(slots)),
      () => undefined,
    );
  });
  return redis;
};
