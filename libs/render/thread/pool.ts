// The render threads of a process: started when somebody needs them, given work by turns.
import { availableParallelism } from 'node:os';
import type { Exhausted } from './engine';
import type { AnswerOf, Job } from './protocol';
import { startThread, TIME_LIMIT, type RenderThread, type ThreadEnd } from './thread-handle';
import { createTurns, type Turns } from './turns';

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

/** Why, in words. */
export const WHY: Record<JobExhausted['why'], string> = {
  time: `it takes longer than ${TIME_LIMIT} ms of CPU time`,
  memory: 'it needs more than 32 MiB of memory, or the data are larger than 4 MiB',
  depth: 'its functions or templates call each other too deep',
  syntax: 'it is not JavaScript that the sandbox understands',
  output: 'it writes more than 5 MiB',
  broken:
    'it broke the sandbox that it runs in, or inlineCss, for which its html is nested too deep or becomes larger than 256 MiB',
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

/** Threads that end before they are ready, one after another, until those who wait are told. */
const MOST_BAD_STARTS = 3;

interface Task {
  tenant: string;
  job: Job;
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** How many threads, where nothing is said: with less than two, an attack would hold up everybody. */
export const defaultThreads = (): number => Math.max(2, availableParallelism());

/** A task and one behind it. */
const MOST_TASKS = 2;

type Threads = ReadonlySet<RenderThread<Task>>;

const running = (threads: Threads): Task[] => [...threads].flatMap(({ tasks: [task] }) => task ?? []);

const exhaust = (turns: Turns<Task>, task: Task, why: Exhausted | 'output', detail: string): void => {
  turns.offend(task.tenant);
  task.reject(new JobExhausted(why, detail));
};

const countFree = (threads: Threads): number =>
  [...threads].filter((thread) => !thread.isOver() && thread.tasks.length === 0).length;

/** Gives each thread that has nothing to do a task, by turns. */
const giveFirst = (threads: Threads, turns: Turns<Task>): void => {
  for (const thread of threads) {
    if (!thread.isReady() || thread.tasks.length > 0) continue;
    const task = turns.next(running(threads));
    if (task === undefined) return;
    thread.give(task);
  }
};

/** Gives each thread that is at work what it goes on with: a task of the same tenant. */
const giveFollowers = (threads: Threads, turns: Turns<Task>): void => {
  for (const thread of threads) {
    const [task] = thread.isReady() ? thread.tasks : [];
    if (task === undefined || thread.tasks.length === MOST_TASKS) continue;
    const follower = turns.follower(task.tenant);
    if (follower !== undefined) thread.give(follower);
  }
};

export const createPool = (options: { threads: number; trusted: boolean; now: () => number }): Pool => {
  const threads = new Set<RenderThread<Task>>();
  const turns = createTurns<Task>(options);
  let badStarts = 0;
  let closed = false;

  const dispatch = (): void => {
    giveFirst(threads, turns);
    startMore();
    giveFollowers(threads, turns);
  };

  /**
   * As many as are waited for and a spare one, so that nobody waits for a start when an attack has the others. One that is being
   * ended has its place until it is gone: whatever it does until then, there are never more threads than were allowed.
   */
  const startMore = (): void => {
    const wanted = turns.ready(running(threads)) + (badStarts === 0 ? 1 : 0);
    for (let more = wanted - countFree(threads); more > 0 && threads.size < options.threads && !closed; more--) start();
  };

  /** Another thread is started when somebody needs it. */
  const ended = ({ why, detail, culprit, innocent, wasReady }: ThreadEnd<Task>): void => {
    if (culprit !== undefined) exhaust(turns, culprit, why, detail);
    for (const task of innocent) turns.add(task);
    if (!wasReady && ++badStarts >= MOST_BAD_STARTS) {
      badStarts = 0;
      const error = new Error(`the render threads do not start: ${detail}`);
      turns.drain().forEach((waiting) => waiting.reject(error));
    }
    dispatch();
  };

  const start = (): void => {
    const thread: RenderThread<Task> = startThread<Task>(options, {
      ready() {
        badStarts = 0;
        dispatch();
      },
      answered(task, reply) {
        if ('answer' in reply) task.resolve(reply.answer as never);
        else exhaust(turns, task, reply.exhausted, reply.detail);
        dispatch();
      },
      ended,
      gone() {
        threads.delete(thread);
        dispatch();
      },
    });
    threads.add(thread);
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
      await Promise.all(all.map((thread) => thread.close()));
    },
  };
};
