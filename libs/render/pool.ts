// The render threads of a process: started when somebody needs them, ended when a job takes too long.
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Exhausted } from './engine';
import type { AnswerOf, Job, Reply } from './jobs';
import { openCpuClock, type CpuClock } from '../runtime/thread-cpu';
import { createTurns } from './turns';

/** What a thread is started with. */
export interface ThreadOptions {
  /** Plain V8 instead of the sandbox. */
  trusted: boolean;
  /** ms of CPU time that a template may take. */
  limit: number;
}

/** What a thread says when it can be given work: its name, where it has one. */
export interface Ready {
  ready: string | undefined;
}

/** A job that came to no answer because of what is in it. */
export class JobExhausted extends Error {
  override name = 'JobExhausted';
  constructor(
    readonly why: Exhausted | 'output',
    detail: string,
  ) {
    super(detail);
  }
}

/**
 * CPU time of a template, and that after which its thread is ended: loops of the engine itself do not look at a clock. Not
 * the time of day: an honest email must not fail because the machine was busy. ms.
 */
export const TIME_LIMIT = 250;
const HARD_LIMIT = 600;
/** CPU time of taking a large message apart, ms; an honest one of 25 MiB takes a fourth of it. */
const MESSAGE_LIMIT = 4_000;
/** A thread that does nothing and gives no answer is ended all the same. ms. */
const LONGEST_WAIT = 30_000;

/** Why, in words. */
export const WHY: Record<JobExhausted['why'], string> = {
  time: `it takes longer than ${TIME_LIMIT} ms of CPU time`,
  memory: 'it needs more than 32 MiB of memory, or the data are larger than 4 MiB',
  depth: 'its functions or templates call each other too deep',
  syntax: 'it is not JavaScript that the sandbox understands',
  output: 'it writes more than 5 MiB',
  broken: 'it broke the sandbox that it runs in',
};

export interface Pool {
  /**
   * @param tenant whose job it is: tenants take turns
   * @throws JobExhausted where the job used up what it may; Error where no thread can be had
   */
  run<J extends Job>(tenant: string, job: J): Promise<AnswerOf<J>>;
  /** Ends all threads; what waits is rejected. */
  close(): Promise<void>;
}

/** ms that a thread may take to start, on a busy machine. */
const START_LIMIT = 30_000;
/** Threads that end before they are ready, one after another, until those who wait are told. */
const MOST_BAD_STARTS = 3;

/** Of the thread's own heap, MiB: lint, schemas, Eta's parser. The sandbox has its own bound. */
const RESOURCES = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

interface Task {
  tenant: string;
  job: Job;
  resolve(answer: never): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  /** Its CPU time; there is none before it is ready. */
  cpu?: CpuClock;
  /** What it does, and what it goes on with: so it need not wait for this process in between. */
  tasks: Task[];
  timer: NodeJS.Timeout;
}

/** Run from its sources, the thread reads them with the same loader. */
const ENTRY = join(__dirname, `thread${extname(__filename)}`);
const EXEC_ARGV = ENTRY.endsWith('.ts') ? ['--require', 'tsx/cjs'] : [];

/** How many threads, where nothing is said: with less than two, an attack would hold up everybody. */
export const defaultThreads = (): number => Math.max(2, availableParallelism());

const startWorker = (trusted: boolean): Worker => {
  const workerData: ThreadOptions = { trusted, limit: TIME_LIMIT };
  const worker = new Worker(ENTRY, { workerData, env: {}, execArgv: EXEC_ARGV, resourceLimits: RESOURCES });
  worker.unref();
  return worker;
};

/** A task and one behind it. */
const MOST_TASKS = 2;

export const createPool = (options: { threads: number; trusted: boolean; now: () => number }): Pool => {
  const threads = new Set<Thread>();
  const turns = createTurns<Task>(options);
  let badStarts = 0;
  let closed = false;

  const running = (): Task[] => [...threads].flatMap(({ tasks: [task] }) => task ?? []);

  const dispatch = (): void => {
    for (const thread of threads) {
      if (thread.cpu === undefined || thread.tasks.length > 0) continue;
      const task = turns.next(running());
      if (task === undefined) break;
      give(thread, task);
      watchFirst(thread);
    }
    startMore();
    for (const thread of threads) {
      const [task] = thread.tasks;
      if (task === undefined || thread.tasks.length === MOST_TASKS) continue;
      const follower = turns.follower(task.tenant);
      if (follower !== undefined) give(thread, follower);
    }
  };

  const give = (thread: Thread, task: Task): void => {
    thread.tasks.push(task);
    thread.worker.postMessage(task.job);
  };

  /** The time of a task begins when it is the thread's first. */
  const watchFirst = (thread: Thread): void => {
    clearTimeout(thread.timer);
    const [task] = thread.tasks;
    if (task === undefined || thread.cpu === undefined) return;
    const limit = task.job.kind === 'message' ? MESSAGE_LIMIT : HARD_LIMIT;
    watch(thread, thread.cpu, thread.cpu.now() + limit, options.now() + LONGEST_WAIT);
  };

  /** As many as are waited for and a spare one, so that nobody waits for a start when an attack has the others. */
  const startMore = (): void => {
    const free = [...threads].filter(({ tasks }) => tasks.length === 0).length;
    const wanted = turns.ready(running()) + (badStarts === 0 ? 1 : 0);
    for (let more = wanted - free; more > 0 && threads.size < options.threads && !closed; more--) start();
  };

  /** Ends the thread at a point of its CPU time, or of the clock. */
  const watch = (thread: Thread, cpu: CpuClock, cpuEnd: number, latest: number): void => {
    const left = Math.min(cpuEnd - cpu.now(), latest - options.now());
    if (left <= 0) return end(thread, 'time');
    thread.timer = setTimeout(() => watch(thread, cpu, cpuEnd, latest), left);
  };

  const exhaust = (task: Task, why: Exhausted | 'output', detail: string): void => {
    turns.offend(task.tenant);
    task.reject(new JobExhausted(why, detail));
  };

  /** Ends a thread; another one is started when somebody needs it. */
  const end = (thread: Thread, why: Exhausted, detail = 'the thread was ended'): void => {
    if (!threads.delete(thread)) return;
    clearTimeout(thread.timer);
    const [task, ...behind] = thread.tasks;
    if (task !== undefined) exhaust(task, why, detail);
    for (const innocent of behind) turns.add(innocent);
    thread.cpu?.close();
    if (thread.cpu === undefined && ++badStarts >= MOST_BAD_STARTS) {
      badStarts = 0;
      const error = new Error(`the render threads do not start: ${detail}`);
      turns.drain().forEach((waiting) => waiting.reject(error));
    }
    void thread.worker.terminate();
    dispatch();
  };

  const hear = (thread: Thread, reply: Reply | Ready): void => {
    // What a thread said before it was ended may arrive after that.
    if (!threads.has(thread)) return;
    if ('ready' in reply) {
      clearTimeout(thread.timer);
      thread.cpu = openCpuClock(reply.ready);
      badStarts = 0;
      return dispatch();
    }
    const task = thread.tasks.shift();
    watchFirst(thread);
    if ('answer' in reply) task?.resolve(reply.answer as never);
    else if (task !== undefined) exhaust(task, reply.exhausted, reply.detail);
    if ('exhausted' in reply && reply.exhausted === 'broken') end(thread, 'broken');
    else dispatch();
  };

  const start = (): void => {
    const worker = startWorker(options.trusted);
    const thread: Thread = { worker, tasks: [], timer: setTimeout(() => end(thread, 'time'), START_LIMIT) };
    threads.add(thread);
    worker.on('message', (reply: Reply | Ready) => hear(thread, reply));
    worker.on('error', (error) => end(thread, 'memory', error.message));
    worker.on('exit', () => end(thread, 'broken'));
  };

  return {
    run: (tenant, job) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('the render threads are stopped'));
        turns.add({ tenant, job, resolve, reject });
        dispatch();
      }),
    async close() {
      closed = true;
      const error = new Error('the render threads are stopped');
      const all = [...threads];
      threads.clear();
      for (const task of [...turns.drain(), ...all.flatMap(({ tasks }) => tasks)]) task.reject(error);
      for (const { cpu, timer } of all) {
        clearTimeout(timer);
        cpu?.close();
      }
      await Promise.all(all.map(({ worker }) => worker.terminate()));
    },
  };
};
