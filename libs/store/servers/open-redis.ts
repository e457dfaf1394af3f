// Opens the connection that a place needs: to its server, to the primary of its Sentinels, or to its cluster.
import { Cluster, Redis as SingleRedis } from 'ioredis';
import { connectToAnyNode, type Options } from './any-node';
import type { Redis } from './each-server';
import { PatientCluster } from './patient-cluster';
import { PrimaryConnector } from './primary-connector';
import { readRedisUrl, type RedisPlace, type RedisSecrets } from './redis-place';

type ClusterPlace = Extract<RedisPlace, { kind: 'cluster' }>;
type SentinelPlace = Extract<RedisPlace, { kind: 'sentinel' }>;

/** A machine that is gone answers nothing; another one is there to be tried. ms */
const OTHERS_MS = 3_000;
/** Sentinels that hear of a failover are looked for again after this, ms. */
const SENTINELS_AGAIN_MS = 5_000;

export interface Opening {
  url: string;
  secrets?: RedisSecrets | undefined;
  /** It only listens to channels. */
  listens: boolean;
  /** It waits for Redis instead of failing at once. */
  waits: boolean;
  options: Options;
  retryMs: (times: number) => number;
}

const loginOf = ({ username, password }: { username?: string; password?: string }): Options => ({
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
});

const tlsOf = (place: { tls: boolean }, secrets: RedisSecrets | undefined) =>
  place.tls ? { ...(secrets?.ca !== undefined && { ca: secrets.ca }) } : undefined;

/** The primary is asked for anew with each attempt, and what says that it is none is left again (ioredis checks its role). */
const openPrimary = (place: SentinelPlace, { secrets, options, retryMs }: Opening): SingleRedis => {
  const tls = tlsOf(place, secrets);
  return new SingleRedis({
    ...options,
    ...loginOf(place),
    sentinels: place.sentinels,
    name: place.primary,
    role: 'master',
    db: place.db,
    ...(secrets?.sentinelPassword !== undefined && { sentinelPassword: secrets.sentinelPassword }),
    ...(tls !== undefined && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    connectTimeout: OTHERS_MS,
    sentinelCommandTimeout: OTHERS_MS,
    sentinelRetryStrategy: retryMs,
    // A primary that is frozen or cut off does not close its connections: the Sentinels tell when it is none any more.
    failoverDetector: true,
    Connector: PrimaryConnector,
    sentinelReconnectStrategy: () => SENTINELS_AGAIN_MS,
  });
};

const openCluster = (place: ClusterPlace, { secrets, waits, options, retryMs }: Opening): Cluster => {
  const tls = tlsOf(place, secrets);
  const { enableOfflineQueue = true, ...nodeOptions } = options;
  const Kind = waits ? PatientCluster : Cluster;
  return new Kind(place.nodes, {
    enableOfflineQueue,
    // Names are resolved where the connection is made: certificates are of names.
    dnsLookup: (address, found) => found(null, address),
    clusterRetryStrategy: retryMs,
    // So often a command is sent anew, 100 ms apart, while a node is gone or a slot moves. 16 of them: some 2 s.
    maxRedirections: waits ? Number.MAX_SAFE_INTEGER : 16,
    slotsRefreshInterval: 5_000,
    redisOptions: {
      ...nodeOptions,
      ...loginOf(place),
      ...(tls !== undefined && { tls }),
      connectTimeout: OTHERS_MS,
    },
  });
};

/** @throws BadRedisUrl */
export const openRedis = (opening: Opening): Redis => {
  const place = readRedisUrl(opening.url);
  const { secrets, options } = opening;
  switch (place.kind) {
    case 'server':
      return new SingleRedis(place.url, { ...options, ...(place.tls && { tls: tlsOf(place, secrets) ?? {} }) });
    case 'socket':
      return new SingleRedis({ ...options, ...loginOf(place), path: place.path, db: place.db });
    case 'sentinel':
      return openPrimary(place, opening);
    case 'cluster':
      if (!opening.listens) return openCluster(place, opening);
      return connectToAnyNode(place.nodes, tlsOf(place, secrets), { ...options, ...loginOf(place) });
  }
};
