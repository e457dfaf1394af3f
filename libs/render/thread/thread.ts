// A render thread: takes one job after another from its process, and is ended from outside when one takes too long.
import { parentPort, workerData } from 'node:worker_threads';
import { nameOfThread, openCpuClock } from '../../runtime/thread-cpu';
import { createTrustedEngine } from './engine';
import { openInlining } from './inline-css';
import type { Job } from './protocol';
import { createJobs, takeApart } from './do-work';
import { createMachine } from './sandbox';
import type { Ready, ThreadOptions } from './thread-handle';

const { trusted, limit } = workerData as ThreadOptions;

const thread = nameOfThread();

const start = async (): Promise<void> => {
  await openInlining();
  const engine = trusted ? createTrustedEngine() : await createMachine({ limit, now: openCpuClock(thread).now });
  const work = createJobs(engine);
  const done = async (job: Job): Promise<void> =>
    parentPort?.postMessage(job.kind === 'message' ? await takeApart(job) : work(job));
  // Answers come in the order of the jobs: a message that is taken apart waits in between.
  let last: Promise<void> = Promise.resolve();
  parentPort?.on('message', (job: Job) => void (last = last.then(() => done(job))));
  parentPort?.postMessage({ ready: thread } satisfies Ready);
};

void start();
