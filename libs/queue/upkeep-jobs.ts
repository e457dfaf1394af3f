// When the upkeep runs: a job scheduler of BullMQ, so that one worker of the whole installation does it at a time.
import { Queue, Worker } from 'bullmq';
import { queuePrefix } from '../store/keys';
import type { Redis } from '../store/redis';

/**
 * @param deps.name of the upkeep; the internal queue has it after an underscore
 * @param deps.waiting a connection that may wait; the worker makes another one like it
 * @param deps.every ms between two runs
 * @returns a function that stops
 */
export const scheduleUpkeep = async (deps: {
  name: string;
  waiting: Redis;
  every: number;
  run: () => Promise<unknown>;
  failed: (error: Error) => void;
}): Promise<() => Promise<void>> => {
  const name = `_${deps.name}`;
  const options = { prefix: queuePrefix(name) };
  const queue = new Queue(name, { ...options, connection: deps.waiting });
  queue.on('error', () => undefined);
  await queue.setGlobalConcurrency(1);
  await queue.upsertJobScheduler(
    deps.name,
    { every: deps.every },
    { opts: { removeOnComplete: true, removeOnFail: true } },
  );
  const worker = new Worker(name, async () => void (await deps.run()), {
    ...options,
    connection: deps.waiting,
    maxStalledCount: 100,
    lockDuration: 30_000,
    stalledInterval: 10_000,
  });
  worker.on('error', () => undefined);
  worker.on('failed', (_job, error) => deps.failed(error));
  return async () => {
    await worker.close();
    await queue.close();
  };
};
