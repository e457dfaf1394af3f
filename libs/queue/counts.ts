// How full a queue is, by state, and since when its oldest due email waits.
import type { FailureCode } from '../mail/failure';
import { readFailure } from '../mail/failure';
import type { Redis } from '../store/redis';
import { idTime } from './email-id';
import type { EmailQueue } from './queues';

export interface QueueCounts {
  scheduled: number;
  queued: number;
  sending: number;
  deferred: number;
  held: number;
  uncertain: number;
  sent: number;
  failed: number;
  expired: number;
  canceled: number;
}

export interface QueueStatus {
  counts: QueueCounts;
  paused: boolean;
  /** When the oldest of those that are due was accepted, ms since 1970. */
  oldestDueAt?: number;
}

/** The error log and the delayed set are read up to this many; above, the rest counts as `failed` and `scheduled`. */
const READ_AT_MOST = 2_000;

/** Reads one field of many jobs in one round trip. */
const readField = async (redis: Redis, queue: EmailQueue, ids: string[], field: string): Promise<(string | null)[]> => {
  if (ids.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hget(queue.keys.job(id), field);
  return ((await pipeline.exec()) ?? []).map(([, value]) => value as string | null);
};

const countFailures = async (redis: Redis, queue: EmailQueue, total: number) => {
  const counts = { held: 0, uncertain: 0, failed: Math.max(0, total - READ_AT_MOST), expired: 0, canceled: 0 };
  const ids = await redis.zrevrange(`${queue.keys.bull}failed`, 0, READ_AT_MOST - 1);
  const own = new Set<FailureCode>(['held', 'uncertain', 'expired', 'canceled']);
  for (const reason of await readField(redis, queue, ids, 'failedReason')) {
    const { code } = readFailure(reason ?? '');
    counts[own.has(code) ? (code as 'held') : 'failed']++;
  }
  return counts;
};

const countDelayed = async (redis: Redis, queue: EmailQueue, total: number) => {
  const ids = await redis.zrange(`${queue.keys.bull}delayed`, 0, String(READ_AT_MOST - 1));
  const attempts = await readField(redis, queue, ids, 'atm');
  const deferred = attempts.filter((made) => Number(made ?? 0) > 0).length;
  return { deferred, scheduled: total - deferred };
};

export const readStatus = async (redis: Redis, queue: EmailQueue): Promise<QueueStatus> => {
  const { bull } = queue.keys;
  const [waiting, prioritized, delayed, active, completed, failed, paused, oldest] = await Promise.all([
    redis.llen(`${bull}wait`),
    redis.zcard(`${bull}prioritized`),
    redis.zcard(`${bull}delayed`),
    redis.llen(`${bull}active`),
    redis.zcard(`${bull}completed`),
    redis.zcard(`${bull}failed`),
    redis.hexists(`${bull}meta`, 'paused'),
    oldestDue(redis, queue),
  ]);
  const [failures, delays] = [await countFailures(redis, queue, failed), await countDelayed(redis, queue, delayed)];
  return {
    counts: { ...delays, queued: waiting + prioritized, sending: active, sent: completed, ...failures },
    paused: paused === 1,
    ...(oldest !== undefined && { oldestDueAt: oldest }),
  };
};

/** Waiting lists are in the order of acceptance within a priority; a released or recovered email may stand out of it. */
const oldestDue = async (redis: Redis, queue: EmailQueue): Promise<number | undefined> => {
  const [[high], [first]] = await Promise.all([
    redis.lrange(`${queue.keys.bull}wait`, -1, -1),
    redis.zrange(`${queue.keys.bull}prioritized`, 0, '0'),
  ]);
  const times = [high, first].filter((id) => id !== undefined).map(idTime);
  return times.length === 0 ? undefined : Math.min(...times);
};
