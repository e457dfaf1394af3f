// A render thread: takes one job after another from its process, and is ended from outside when one takes too long.
import { parentPort, workerData } from 'node:worker_threads';
import { createTrustedEngine } from './engine';
import { createJobs, type Job } from './jobs';
import { createMachine } from './machine';
import type { ThreadOptions } from './pool';

const { trusted, limit } = workerData as ThreadOptions;

const start = async (): Promise<void> => {
  const engine = trusted ? createTrustedEngine() : await createMachine({ limit, now: () => performance.now() });
  const work = createJobs(engine);
  parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)));
  parentPort?.postMessage('ready');
};

void start();
