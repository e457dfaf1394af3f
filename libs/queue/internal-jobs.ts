// Work that the API asks of a worker and waits for: an internal queue, whose name no tenant's queue can have.
import { Queue, QueueEvents, Worker } from 'bullmq';
import { messageOf } from '../runtime/fault';
import type { Redis } from '../store/redis';
import { queuePrefix } from '../store/keys';
import { Problem } from '../mail/problem';
import { closeBull } from './close-bull';

/** An order for a worker; secrets are not part of it, the worker finds them itself. */
export interface VerifyOrder {
  tenant: string;
  transport: string;
}

/** What came of trying a transport: in the server's own words. */
export interface VerifyResult {
  ok: boolean;
  ms: number;
  reply: string;
}

const NAME = '_verify';
const options = { prefix: queuePrefix(NAME) };
/** Without a worker the answer is `no-worker` after this (api.md). */
const WAIT_MS = 30_000;

export interface Orders {
  /** @throws Problem `no-worker` */
  verify(order: VerifyOrder): Promise<VerifyResult>;
  close(): Promise<void>;
}

/**
 * @param deps.waiting a connection that may wait: reading events blocks it
 */
export const createOrders = (deps: { redis: Redis; waiting: Redis }): Orders => {
  const queue = new Queue(NAME, { ...options, connection: deps.redis });
  const events = new QueueEvents(NAME, { ...options, connection: deps.waiting });
  queue.on('error', () => undefined);
  events.on('error', () => undefined);

  return {
    async verify(order) {
      await events.waitUntilReady();
      const job = await queue.add('verify', order, { removeOnComplete: { age: 60 }, removeOnFail: { age: 60 } });
      try {
        return (await job.waitUntilFinished(events, WAIT_MS)) as VerifyResult;
      } catch (error) {
        if (!/timed out/.test(messageOf(error))) throw error;
        await job.remove().catch(() => undefined);
        throw new Problem('no-worker', 'no worker answered within 30 s: start one, then try again');
      }
    },
    async close() {
      await closeBull(deps.waiting, events, queue);
    },
  };
};

/** Takes orders in a worker. @returns a function that stops */
export const takeOrders = (deps: {
  waiting: Redis;
  verify: (order: VerifyOrder) => Promise<VerifyResult>;
}): (() => Promise<void>) => {
  const worker = new Worker<VerifyOrder, VerifyResult>(NAME, (job) => deps.verify(job.data), {
    ...options,
    connection: deps.waiting,
    concurrency: 4,
  });
  worker.on('error', () => undefined);
  return () => closeBull(deps.waiting, worker);
};
