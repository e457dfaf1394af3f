// Work that the API asks of a worker and waits for: an internal queue, whose name no tenant's queue can have.
import { Queue, QueueEvents, Worker, type Job } from 'bullmq';
import { messageOf } from '../runtime/fault';
import type { Redis } from '../store/redis/redis';
import { queuePrefix } from '../store/redis/keys';
import { Problem } from '../mail/input/problem';
import type { Phase } from '../mail/smtp/phase';
import { closeBull } from './close-bull';

/** An order for a worker; secrets are not part of it, the worker finds them itself. */
export interface VerifyRequest {
  tenant: string;
  transport: string;
}

/** What came of trying a transport: in the server's own words. */
export interface VerifyResult {
  ok: boolean;
  ms: number;
  reply: string;
  /** The step that failed; not there where none was begun. */
  phase?: Phase;
  /** What was said, without secrets; not there where no connection was begun. */
  dialogue?: string[];
}

const NAME = '_verify';
const options = { prefix: queuePrefix(NAME) };
/** Who asks waits so long for the answer; what takes longer is looked up. */
export const VERIFY_WAIT_MS = 25_000;
/** An answer that was not waited for is kept for a week. Seconds. */
const KEPT = 7 * 86_400;
/**
 * Servers may take minutes for a greeting: some that do must not keep others from being tried. So a worker takes many orders, tries
 * few of one tenant at once, and answers without a try where more of it wait than these.
 */
const TAKEN_AT_ONCE = 500;
const [TRIED_OF_A_TENANT, WAITING_OF_A_TENANT] = [8, 32];

/** An order and what has become of it. */
export interface Verification {
  id: string;
  order: VerifyRequest;
  state: 'waiting' | 'running' | 'done' | 'failed';
  result?: VerifyResult;
  /** ms since 1970, both */
  createdAt: number;
  finishedAt?: number;
  failedReason?: string;
}

export interface VerifyRequests {
  /**
   * @param id of the order, under which it is found
   * @returns what came of it, or undefined where a worker is still at it then
   * @throws Problem `no-worker` where none has taken it by then
   */
  verify(id: string, order: VerifyRequest): Promise<VerifyResult | undefined>;
  /** An order that was not answered at once; undefined where there is none of that id. */
  get(id: string): Promise<Verification | undefined>;
  close(): Promise<void>;
}

const STATES: Record<string, Verification['state']> = { completed: 'done', failed: 'failed', active: 'running' };

type VerifyJob = Job<VerifyRequest, VerifyResult>;

/**
 * @param deps.waiting a connection that may wait: reading events blocks it
 * @param deps.waitMs how long an answer is waited for
 */
export const createVerifyRequests = (deps: { redis: Redis; waiting: Redis; waitMs: number }): VerifyRequests => {
  const { waitMs } = deps;
  const queue = new Queue<VerifyRequest, VerifyResult>(NAME, { ...options, connection: deps.redis });
  const events = new QueueEvents(NAME, { ...options, connection: deps.waiting });
  queue.on('error', () => undefined);
  events.on('error', () => undefined);
  // Each who waits listens to both: many listeners are many who wait, and no leak.
  for (const emitter of [queue, events]) emitter.setMaxListeners(0);

  return {
    async verify(id, order) {
      await events.waitUntilReady();
      const kept = { age: KEPT };
      const job: VerifyJob = await queue.add('verify', order, {
        jobId: id,
        removeOnComplete: kept,
        removeOnFail: kept,
      });
      try {
        const result = await job.waitUntilFinished(events, waitMs);
        // Answered: nobody will look it up.
        await job.remove().catch(() => undefined);
        return result;
      } catch (error) {
        if (!/timed out/.test(messageOf(error))) throw error;
        // Where others are being tried it waits for its turn.
        if (!(await job.isWaiting()) || (await queue.getActiveCount()) > 0) return undefined;
        await job.remove().catch(() => undefined);
        throw new Problem('no-worker', `no worker answered within ${waitMs / 1_000} s: start one, then try again`);
      }
    },
    async get(id) {
      const job: VerifyJob | undefined = await queue.getJob(id);
      if (job === undefined) return undefined;
      const state = STATES[await job.getState()] ?? 'waiting';
      return {
        id,
        order: job.data,
        state,
        ...(state === 'done' && { result: job.returnvalue }),
        createdAt: job.timestamp,
        ...(job.finishedOn !== undefined && { finishedAt: job.finishedOn }),
        ...(job.failedReason && { failedReason: job.failedReason }),
      };
    },
    async close() {
      await closeBull(deps.waiting, events, queue);
    },
  };
};

/** @returns does a tenant's work when it is its turn; undefined where too much of it waits */
const createTurns = () => {
  const tenants = new Map<string, { trying: number; waiting: (() => void)[] }>();
  return async <T>(name: string, work: () => Promise<T>): Promise<T | undefined> => {
    const tenant = tenants.get(name) ?? { trying: 0, waiting: [] };
    tenants.set(name, tenant);
    if (tenant.trying < TRIED_OF_A_TENANT) tenant.trying++;
    else if (tenant.waiting.length >= WAITING_OF_A_TENANT) return undefined;
    else await new Promise<void>((resolve) => tenant.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever is next takes over its turn.
      const next = tenant.waiting.shift();
      if (next !== undefined) next();
      else if (--tenant.trying === 0) tenants.delete(name);
    }
  };
};

/** Takes orders in a worker. @returns a function that stops */
export const answerVerifyRequests = (deps: {
  waiting: Redis;
  verify: (order: VerifyRequest) => Promise<VerifyResult>;
}): (() => Promise<void>) => {
  const inTurn = createTurns();
  const tooMany = {
    ok: false,
    ms: 0,
    reply: `${TRIED_OF_A_TENANT + WAITING_OF_A_TENANT} transports of this tenant are being tried already: wait until some are done, then try again`,
  };
  const worker = new Worker<VerifyRequest, VerifyResult>(
    NAME,
    async ({ data }) => (await inTurn(data.tenant, () => deps.verify(data))) ?? tooMany,
    { ...options, connection: deps.waiting, concurrency: TAKEN_AT_ONCE },
  );
  worker.on('error', () => undefined);
  return () => closeBull(deps.waiting, worker);
};
