// One render thread as its process sees it: given jobs, watched, ended when one takes too long.
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { openCpuClock, type CpuClock } from '../../runtime/thread-cpu';
import type { Exhausted } from './engine';
import { MOST_PROGRAMS, type Job, type Reply } from './protocol';

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

/**
 * CPU time of a template, and that after which its thread is ended: loops of the engine itself do not look at a clock. Not
 * the time of day: an honest email must not fail because the machine was busy. ms.
 */
export const TIME_LIMIT = 250;
const HARD_LIMIT = 600;
/** CPU time of taking a large message apart, ms; an honest one of 25 MiB takes a fourth of it. */
const MESSAGE_LIMIT = 4_000;
/** The same of making a text of large html; an honest one of 1 MiB takes a fourth of it. */
const TEXT_LIMIT = 2_000;
const limitOf = ({ kind }: Job): number =>
  kind === 'message' ? MESSAGE_LIMIT : kind === 'text' ? TEXT_LIMIT : HARD_LIMIT;

/** A thread that does nothing and gives no answer is ended all the same. ms. */
const LONGEST_WAIT = 30_000;
/** ms that a thread may take to start, on a busy machine. */
const START_LIMIT = 30_000;

/** Of the thread's own heap, MiB: lint, schemas, Eta's parser. The sandbox has its own bound. */
const RESOURCES = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

/** Run from its sources, the thread reads them with the same loader. */
const ENTRY = join(__dirname, `thread${extname(__filename)}`);
const EXEC_ARGV = ENTRY.endsWith('.ts') ? ['--require', 'tsx/cjs'] : [];

/** Why a thread came to its end, and what it left undone. */
export interface ThreadEnd<T> {
  why: Exhausted;
  detail: string;
  /** What it was doing, where that brought it down. */
  culprit: T | undefined;
  /** What it had not begun. */
  innocent: T[];
  wasReady: boolean;
}

export interface RenderThread<T> {
  /** What it does, and what it goes on with: so it need not wait for this process in between. */
  readonly tasks: readonly T[];
  /** It has started, and may be given work. */
  isReady(): boolean;
  /** It is being ended: it does nothing for anybody any more. */
  isOver(): boolean;
  give(task: T): void;
  /** Ends it without telling anybody; its tasks are whoever's that closes it. */
  close(): Promise<unknown>;
}

/** When a thread is ended: at first for how long it may take to start, then for what it does. */
const createDeadline = (now: () => number, outOfTime: () => void) => {
  let timer = setTimeout(outOfTime, START_LIMIT);
  let current: object | undefined;
  return {
    /** Begins the time of a job, or of none: until a point of the thread's CPU time, or of the clock. */
    begin(clock: CpuClock, job: Job | undefined): void {
      clearTimeout(timer);
      current = undefined;
      if (job === undefined) return;
      const turn = {};
      current = turn;
      const cpuEnd = clock.now() + limitOf(job);
      const latest = now() + LONGEST_WAIT;
      const look = (): void => {
        const left = Math.min(cpuEnd - clock.now(), latest - now());
        if (left > 0) timer = setTimeout(look, left);
        // Where this process was busy, its answer may lie unread, and what counts is the time of the next job.
        else setImmediate(() => current === turn && outOfTime());
      };
      look();
    },
    stop: (): void => clearTimeout(timer),
  };
};

/** Leaves out of a job the sources that the thread has: they may be much larger than all the rest. */
const createWithoutKnown = () => {
  /** Keys of the programs that the thread has, counted as it counts. */
  const programs = new LRUCache<string, true>({ max: MOST_PROGRAMS });
  return (job: Job): Job => {
    if (job.kind !== 'render') return job;
    const isKnown = programs.get(job.key) === true;
    programs.set(job.key, true);
    if (!isKnown) return job;
    const { sources, ...rest } = job;
    return sources === undefined ? job : rest;
  };
};

interface Hearer<T> {
  ready: () => void;
  answered: (task: T, reply: Reply) => void;
  ended: (end: ThreadEnd<T>) => void;
  gone: () => void;
}

const startWorkerThread = (trusted: boolean): Worker => {
  const workerData: ThreadOptions = { trusted, limit: TIME_LIMIT };
  const worker = new Worker(ENTRY, { workerData, env: {}, execArgv: EXEC_ARGV, resourceLimits: RESOURCES });
  worker.unref();
  return worker;
};

/**
 * Its answers come in the order of its tasks.
 * @param hear.answered a task is done, well or not
 * @param hear.ended nothing more is heard of its tasks; the thread itself may take a moment longer
 * @param hear.gone the system's thread has exited
 */
export const startThread = <T extends { job: Job }>(
  options: { trusted: boolean; now: () => number },
  hear: Hearer<T>,
): RenderThread<T> => {
  const worker = startWorkerThread(options.trusted);
  let tasks: T[] = [];
  const withoutKnown = createWithoutKnown();
  let cpu: CpuClock | undefined;
  let isOver = false;

  let exit: Promise<unknown> | undefined;
  const close = (): Promise<unknown> => {
    if (exit !== undefined) return exit;
    isOver = true;
    deadline.stop();
    cpu?.close();
    return (exit = worker.terminate());
  };

  /** @param isToBlame whether its first task brought it down */
  const end = (why: Exhausted, detail: string, isToBlame: boolean): void => {
    // What a thread says before it is ended may arrive after that.
    if (isOver) return;
    void close();
    const [culprit, innocent] = isToBlame ? [tasks[0], tasks.slice(1)] : [undefined, tasks];
    tasks = [];
    hear.ended({ why, detail, culprit, innocent, wasReady: cpu !== undefined });
  };
  const outOfTime = (): void => end('time', 'the thread was ended', true);
  const deadline = createDeadline(options.now, outOfTime);

  const answered = (reply: Reply): void => {
    const task = tasks.shift();
    if (cpu !== undefined) deadline.begin(cpu, tasks[0]?.job);
    if (task !== undefined) hear.answered(task, reply);
    if ('exhausted' in reply && reply.exhausted === 'broken') end('broken', reply.detail, false);
  };
  worker.on('message', (said: Reply | Ready) => {
    if (isOver) return;
    if (!('ready' in said)) return answered(said);
    deadline.stop();
    cpu = openCpuClock(said.ready);
    hear.ready();
  });
  worker.on('error', (error) => end('memory', error.message, true));
  worker.on('exit', () => {
    end('broken', 'the thread was ended', true);
    hear.gone();
  });

  return {
    get tasks() {
      return tasks;
    },
    isReady: () => cpu !== undefined && !isOver,
    isOver: () => isOver,
    give(task) {
      tasks = [...tasks, task];
      if (cpu !== undefined && tasks.length === 1) deadline.begin(cpu, task.job);
      worker.postMessage(withoutKnown(task.job));
    },
    close,
  };
};
