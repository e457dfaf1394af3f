// A render thread: takes one job after another from its process, and is ended from outside when one takes too long.
import { parentPort, workerData } from 'node:worker_threads';
import { nameOfThread, openCpuClock } from '../runtime/thread-cpu';
import { createTrustedEngine } from './engine';
import { createJobs, type Job } from './jobs';
import { createMachine } from './machine';
import type { Ready, ThreadOptions } from './pool';

const { trusted, limit } = workerData as ThreadOptions;

const thread = nameOfThread();

const start = async (): Promise<void> => {
  const engine = trusted ? createTrustedEngine() : await createMachine({ limit, now: openCpuClock(thread).now });
  const work = createJobs(engine);
  parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)));
  parentPort?.postMessage({ ready: thread } satisfies Ready);
};

void start();
