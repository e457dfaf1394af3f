// Long work on many emails: internal queues of operations, done by any API replica, continued by another if one dies.
import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import { setTimeout as pause } from 'node:timers/promises';
import { uptime, type Clock } from '../runtime/clock';
import { KEYS, queuePrefix } from '../store/redis/keys';
import { defineScript } from '../store/redis/script';
import type { PersonWords } from '../mail/erasure/person-words';
import type { Bound } from '../store/registries/bound';
import { closeBull } from './close-bull';
import { forgetIn } from './forget-in-operations';
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
   * @returns how many name the person and are done with: changed unless `dryRun`; and how many are still needed as they are
   */
  forget(tenant: string, words: PersonWords, dryRun: boolean): Promise<{ over: number; underWay: number }>;
  close(): Promise<void>;
}

/** Operations are looked up for a week. Seconds. */
const KEPT = 7 * 86_400;
/** An operation that failed is tried again after this. */
const AGAIN_MS = 3_000;
const LOCK_MS = 10_000;
/** Where others wait, an operation goes on for so long and then to the end of the line. */
const SLICE_MS = 200;
/** An operation that a crash left among those that wait is not counted after this. */
const COUNTED_MS = 86_400_000;
/** BullMQ knows no larger number; the lowest is first. */
const LAST_PRIORITY = 2_097_151;
/** Long past by any clock: who goes to the end of the line waits for no time. */
const AT_ONCE = 1;
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

// KEYS: the tenant's operations that are not done with, those that are kept. ARGV: id, now, since when the first and since when the
// others count, how many there may be. Result: {how many are not done with, this one among them, the ids that made room...}, or {0}
// where none could. Atomic: of many at once no more come in than there is room for.
const joinLine = defineScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
local over = redis.call('ZCARD', KEYS[2]) + 1 - tonumber(ARGV[5])
local gone = {}
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if #gone < over and not redis.call('ZSCORE', KEYS[1], id) then gone[#gone + 1] = id end
  end
  if #gone < over then return {0} end
  for _, id in ipairs(gone) do redis.call('ZREM', KEYS[2], id) end
end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[index], ARGV[2] - ARGV[index + 2])
end
return {redis.call('ZCARD', KEYS[1]), unpack(gone)}`);

/**
 * Who is next: the first operation of each tenant before the second of any, and nobody goes on for long while others wait.
 * @param all the queues of every kind: what makes room may be of another one
 */
const createLine = (redis: Redis, queue: Queue, all: Queue[]) => ({
  /** @returns the place of the tenant's next operation; the lowest is first. @param now ms. @throws Problem of the bound */
  async join(tenant: string, id: string, now: number, bound: Bound): Promise<number> {
    const keys = [KEYS.pendingOperations(tenant), KEYS.keptOperations(tenant)];
    const args = [id, now, now - COUNTED_MS, now - KEPT * 1_000, bound.most];
    const [place, ...gone] = (await joinLine(redis, keys, args)) as [number, ...string[]];
    if (place === 0) throw bound.refuse();
    // What fails here is removed when its week is over.
    for (const old of gone) for (const one of all) await one.remove(old).catch(() => undefined);
    return Math.min(LAST_PRIORITY, place);
  },
  /** It is done with. Its name is its tenant's. */
  async leave({ id = '', name }: Job): Promise<void> {
    await redis.zrem(KEYS.pendingOperations(name), id).catch(() => undefined);
  },
  /** Makes way for others, once the slice is used up. @throws DelayedError when it did */
  async makeWay({ id = '' }: Job, token: string, begun: number): Promise<void> {
    if (uptime() - begun < SLICE_MS || (await queue.getPrioritizedCount()) === 0) return;
    await queue.backend.moveToDelayed(id, AT_ONCE, 0, token, { skipAttempt: true });
    throw new DelayedError();
  },
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
  /** Does one operation from its progress on; saves progress as it goes; may be called again after a crash. */
  run: (data: T, progress: P, save: (progress: P) => Promise<void>) => Promise<void>;
}

/** Takes a kind of operations, one after another. */
const openWorker = <T, P extends object>(
  { waiting, kind, run }: OperationDeps<T, P>,
  line: ReturnType<typeof createLine>,
): Worker => {
  const { name, nothingYet, tries, kept } = kind;
  const end = async (job: Job): Promise<void> => {
    if (kept !== undefined) await job.updateData(kept(job.data as T));
    await line.leave(job);
  };
  return new Worker(
    name,
    async (job: Job, token = '') => {
      const begun = uptime();
      try {
        await run(job.data as T, progressOf(job, nothingYet), async (progress) => {
          await save(job, token, progress);
          await line.makeWay(job, token, begun);
        });
        await end(job);
      } catch (error) {
        if (error instanceof DelayedError) throw error;
        if (job.attemptsMade + 1 >= tries) await end(job);
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
      stalledInterval: 5_000,
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
    forget: (tenant, words, dryRun) => forgetIn(deps.redis, queue, tenant, words, dryRun),
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
