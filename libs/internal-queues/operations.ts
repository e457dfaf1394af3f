// Long work on many emails: internal queues of operations, done by any API replica, continued by another if one dies.
import { DelayedError, Queue, UnrecoverableError, Worker, type Job } from 'bullmq';
import { setTimeout as pause } from 'node:timers/promises';
import { uptime, type Clock } from '../runtime/clock';
import { KEYS, queuePrefix } from '../store/redis/keys';
import type { PersonWords } from '../mail/erasure/person-words';
import type { Bound } from '../store/registries/bound';
import { closeBull } from './close-bull';
import { forgetIn } from './forget-in-operations';
import { createPass, endBefore, type OperationGate } from './operation-gate';
import { createLine, KEPT, type Line } from './operation-line';
import type { Redis } from '../store/redis/redis';

export interface Operation<T, P> {
  id: string;
  state: 'waiting' | 'running' | 'done' | 'failed';
  data: T;
  /** What has become of it; kept with it, so that whoever continues knows where. */
  progress: P;
  /** ms since 1970 */
  createdAt: number;
  finishedAt?: number;
  failedReason?: string;
}

export interface Operations<T, P> {
  /**
   * @param tenant whose operation it is: tenants take turns
   * @param bound of how many operations the tenant may have; the oldest that are done with make room
   * @throws Problem of the bound, where as many are under way
   */
  add(id: string, data: T, tenant: string, bound: Bound): Promise<void>;
  get(id: string): Promise<Operation<T, P> | undefined>;
  /** Those of a tenant that are kept, newest first. @param most of them */
  list(tenant: string, most: number): Promise<Operation<T, P>[]>;
  /**
   * Takes a person out of what is kept of a tenant's operations.
   * @param before those that were asked for later stay, ms since 1970; all are looked at where it is not given
   * @returns how many name the person and are done with: changed unless `dryRun`; and how many are still needed as they are
   */
  forget(
    tenant: string,
    words: PersonWords,
    dryRun: boolean,
    before?: number,
  ): Promise<{ over: number; underWay: number }>;
  /** Begins to take operations. To be called when Redis was looked at. */
  start(): void;
  /**
   * Those that were asked for until then (ms since 1970) end as failed, with what has become of them: none does anything more.
   * @throws Problem `unavailable` where one cannot be stopped; to be repeated then
   */
  endBefore(before: number): Promise<void>;
  close(): Promise<void>;
}

/** How often it is looked for operations whose process is gone. */
const STALLED_MS = 5_000;
/** An operation that failed is tried again after this. */
const AGAIN_MS = 3_000;
const LOCK_MS = 10_000;
/** One whose process is gone is found within its lock and three looks of BullMQ's for those that stand still. */
const ENDS_MS = LOCK_MS + 3 * STALLED_MS;
/** Each saved progress leaves one; nobody reads them. */
const EVENTS_KEPT = 100;

const STATES: Record<string, Operation<unknown, unknown>['state']> = {
  completed: 'done',
  failed: 'failed',
  active: 'running',
};

const progressOf = <P extends object>(job: Job, nothingYet: P): P =>
  typeof job.progress === 'object' ? { ...nothingYet, ...(job.progress as Partial<P>) } : nothingYet;

/** @throws Error where another replica has taken the operation over: this one stood still for too long, and must stop */
const save = async (job: Job, token: string, progress: object): Promise<void> => {
  if ((await job.extendLock(token, LOCK_MS)) !== 1) throw new Error(`operation ${job.id} is in other hands`);
  await job.updateProgress(progress);
};

const readOperation = async <T, P extends object>(id: string, job: Job, nothingYet: P): Promise<Operation<T, P>> => ({
  id,
  state: STATES[await job.getState()] ?? 'waiting',
  data: job.data as T,
  progress: progressOf(job, nothingYet),
  createdAt: job.timestamp,
  ...(job.finishedOn !== undefined && { finishedAt: job.finishedOn }),
  ...(job.failedReason && { failedReason: job.failedReason }),
});

const createReads = <T, P extends object>(
  redis: Redis,
  queue: Queue,
  nothingYet: P,
): Pick<Operations<T, P>, 'get' | 'list'> => {
  const get = async (id: string): Promise<Operation<T, P> | undefined> => {
    const job = (await queue.getJob(id)) as Job | undefined;
    return job && readOperation<T, P>(id, job, nothingYet);
  };
  return {
    get,
    async list(tenant, most) {
      const ids = await redis.zrevrange(KEYS.keptOperations(tenant), 0, most - 1);
      return (await Promise.all(ids.map(get))).filter((one) => one !== undefined);
    },
  };
};

/** The internal queues of all kinds; no tenant's queue can have such a name. */
const NAMES = ['_operations', '_erasures'] as const;

/** What tells one kind of operations from another. */
export interface OperationKind<T, P> {
  /** Of its internal queue. */
  name: (typeof NAMES)[number];
  nothingYet: P;
  /** How often one that failed is tried. */
  tries: number;
  /** What is kept of an order that is done with, or was given up. */
  kept?: (data: T) => T;
}

interface OperationDeps<T, P> {
  redis: Redis;
  /** A connection that may wait; the worker makes another one like it. */
  waiting: Redis;
  clock: Clock;
  kind: OperationKind<T, P>;
  /** Whether an operation may go on; all may where it is not given. */
  gate?: OperationGate;
  /** Does one operation from its progress on; saves progress as it goes; may be called again after a crash. */
  run: (data: T, progress: P, save: (progress: P) => Promise<void>) => Promise<void>;
}

/** Takes a kind of operations, one after another. */
const openWorker = <T, P extends object>({ waiting, kind, gate, run }: OperationDeps<T, P>, line: Line): Worker => {
  const { name, nothingYet, tries, kept } = kind;
  const pass = createPass(gate, line);
  const end = async (job: Job): Promise<void> => {
    if (kept !== undefined) await job.updateData(kept(job.data as T));
    await line.leave(job);
  };
  return new Worker(
    name,
    async (job: Job, token = '') => {
      const begun = uptime();
      try {
        await pass(job, token);
        await run(job.data as T, progressOf(job, nothingYet), async (progress) => {
          await save(job, token, progress);
          await pass(job, token);
          await line.makeWay(job, token, begun);
        });
        await end(job);
      } catch (error) {
        if (error instanceof DelayedError) throw error;
        const isEnded = error instanceof UnrecoverableError;
        if (isEnded || job.attemptsMade + 1 >= tries) await end(job);
        if (isEnded) throw error;
        // Here, not by BullMQ's delay: that would be a time of this process' own clock, which another one may see years ahead.
        await pause(AGAIN_MS);
        throw error;
      }
    },
    {
      prefix: queuePrefix(name),
      connection: waiting,
      concurrency: 2,
      maxStalledCount: 100,
      lockDuration: LOCK_MS,
      autorun: false,
      stalledInterval: STALLED_MS,
    },
  );
};

export const createOperations = <T, P extends object>(deps: OperationDeps<T, P>): Operations<T, P> => {
  const { name, nothingYet, tries } = deps.kind;
  const open = (one: string): Queue => {
    const streams = { events: { maxLen: EVENTS_KEPT } };
    const opened = new Queue(one, { prefix: queuePrefix(one), connection: deps.redis, streams });
    opened.on('error', () => undefined);
    return opened;
  };
  const queue = open(name);
  const others = NAMES.filter((one) => one !== name).map(open);
  const line = createLine(deps.redis, queue, [queue, ...others]);
  const worker = openWorker(deps, line);
  worker.on('error', () => undefined);

  return {
    ...createReads<T, P>(deps.redis, queue, nothingYet),
    forget: (tenant, words, dryRun, before = Infinity) => forgetIn(deps.redis, queue, tenant, words, dryRun, before),
    start: () => void worker.run().catch(() => undefined),
    endBefore: (before) => endBefore(deps.gate, queue, before, ENDS_MS),
    async add(id, data, tenant, bound) {
      const kept = { age: KEPT };
      const timestamp = deps.clock.now();
      const priority = await line.join(tenant, id, timestamp, bound);
      await queue.add(tenant, data, {
        priority,
        jobId: id,
        timestamp,
        removeOnComplete: kept,
        removeOnFail: kept,
        attempts: tries,
      });
    },
    async close() {
      await closeBull(deps.waiting, worker, queue, ...others);
    },
  };
};
