// Opens BullMQ's queues: one per tenant and application, all over one shared connection.
import { Queue, QueueKeys as BullKeys, RedisConnection, RedisQueueBackend } from 'bullmq';
import { LRUCache } from 'lru-cache';
import { queueName, type QueueAddress } from '../../mail/address/queue-address';
import { queueKeys, queuePrefix, type QueueKeys } from '../../store/redis/keys';
import { requireReady, type Redis } from '../../store/redis/redis';
import { EVENTS_KEPT, EVENTS_KEPT_UNASKED } from './bullmq-events';

/** A worker's hold on an email, renewed while it works; recovery after a crash takes about this long. */
export const LOCK_MS = 10_000;
/** How often a queue in work is searched for emails whose worker is gone. */
export const STALLED_CHECK_MS = 5_000;
/** BullMQ would fail a job at its second stall although nothing is wrong with it; what to do then we decide (0002). */
const NEVER = 1_000_000_000;

export interface EmailQueue {
  address: QueueAddress;
  name: string;
  keys: QueueKeys;
  /** BullMQ's operations on jobs. */
  backend: RedisQueueBackend;
  /** BullMQ's queue: adding, pausing, counting. */
  bull: Queue;
  /** BullMQ clients are told of ends (telling.ts). */
  tells: boolean;
  /** Somebody listens to events: they are written (libs/jobs/traces/outbox.ts). */
  listened: () => Promise<boolean>;
}

export interface Queues {
  /** @throws RedisAway where requests must not wait and Redis is away */
  open(address: QueueAddress): EmailQueue;
  /** Forgets an opened queue, after it was deleted. */
  forget(address: QueueAddress): void;
}

/**
 * @param deps.waits whether operations wait for Redis (a worker) or fail at once (the API)
 * @param deps.tells whether BullMQ clients are told of ends; not where it is not given
 * @param deps.listened whether somebody listens to events; nobody where it is not given
 */
export const createQueues = (deps: {
  redis: Redis;
  waits: boolean;
  tells?: boolean;
  listened?: () => Promise<boolean>;
}): Queues => {
  const tells = deps.tells === true;
  const { listened = () => Promise.resolve(false) } = deps;
  const streams = { events: { maxLen: tells ? EVENTS_KEPT : EVENTS_KEPT_UNASKED } };
  const opened = new LRUCache<string, EmailQueue>({ max: 20_000 });
  let connection: RedisConnection;

  const connect = (): void => {
    connection = new RedisConnection(deps.redis, { shared: true, blocking: false });
    // Told once where the connection is made (libs/store/redis/redis.ts).
    connection.on('error', () => undefined);
    // BullMQ asks Redis for its version first; if that fails, this object is of no use any more.
    connection.client.catch(() => {
      opened.clear();
      connect();
    });
  };
  connect();

  const open = (address: QueueAddress): EmailQueue => {
    const name = queueName(address);
    const prefix = queuePrefix(name);
    const bullKeys = new BullKeys(prefix);
    const options = {
      connection: deps.redis,
      prefix,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: NEVER,
    };
    const toKey = (type: string): string => bullKeys.toKey(name, type);
    const backend = new RedisQueueBackend(connection, name, bullKeys.getKeys(name), toKey, options, undefined, false);
    const bull = new Queue(name, { ...options, streams }, () => backend);
    bull.on('error', () => undefined);
    return { address, name, keys: queueKeys(address), backend, bull, tells, listened };
  };

  return {
    open(address) {
      if (!deps.waits) requireReady(deps.redis);
      const name = queueName(address);
      const known = opened.get(name);
      if (known !== undefined) return known;
      const queue = open(address);
      opened.set(name, queue);
      return queue;
    },
    forget: (address) => void opened.delete(queueName(address)),
  };
};

/** BullMQ's own queue, for Bull Board: it reads and never changes; what its buttons do goes through our commands. */
export const bullQueueOf = ({ bull }: EmailQueue): Queue => bull;
