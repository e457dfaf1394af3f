// Finds queues with work that nobody announced, as after a plain BullMQ client's `resume`, `promote` or `retry`.
import { queueName, type QueueAddress } from '../mail/queue-address';
import type { RedisClock } from '../store/redis-clock';
import { allQueues } from '../store/all-queues';
import { KEYS, queueKeys, SCORE_UNIT } from '../store/keys';
import type { Redis } from '../store/redis';
import { AT_ONCE, isStopped, type Due } from './due';

/** Queues that are looked at in one round trip: Redis answers others in between. */
const AT_A_TIME = 200;
/** An announcement that is so little late is none that is missing: a queue in work is looked at every few seconds. ms */
const LITTLE_LATE_MS = 10_000;

/** What BullMQ holds of a queue, in the order in which it is asked for. */
const ask = (pipeline: ReturnType<Redis['pipeline']>, address: QueueAddress): void => {
  const { bull } = queueKeys(address);
  pipeline
    .hexists(`${bull}meta`, 'paused')
    .llen(`${bull}wait`)
    .zcard(`${bull}prioritized`)
    .llen(`${bull}active`)
    .zrange(`${bull}delayed`, 0, '0', 'WITHSCORES');
};
const QUESTIONS = 5;

/** When the queue has work (ms), or undefined where it has none. Active emails are looked after also in a paused one. */
const workAt = ([paused, waiting, prioritized, active, delayed]: unknown[]): number | undefined => {
  if (Number(active) > 0) return AT_ONCE;
  if (paused === 1) return undefined;
  if (Number(waiting) + Number(prioritized) > 0) return AT_ONCE;
  const [, score] = (delayed ?? []) as string[];
  return score === undefined ? undefined : Math.floor(Number(score) / SCORE_UNIT);
};

/**
 * Looks at every queue, whatever it holds at the same small cost; reads no email.
 * @param deps.isEnabled may the queue's tenant send? One that may not is announced when it may
 * @returns announces those that were forgotten, and gives their names
 */
export const createFindForgotten = (deps: {
  redis: Redis;
  clock: RedisClock;
  due: Due;
  isEnabled: (address: QueueAddress) => Promise<boolean>;
}): ((signal: AbortSignal) => Promise<string[]>) => {
  const { redis, due } = deps;

  const isForgotten = async (
    address: QueueAddress,
    work: number,
    score: string | null,
    now: number,
  ): Promise<boolean> => {
    const announcedFor = score === null ? Infinity : Number(score);
    if (announcedFor <= Math.max(work, now) + LITTLE_LATE_MS) return false;
    // A limit that was asked knows when there is room again; one further ahead than any limit looks is not believed.
    if (isStopped(announcedFor)) return false;
    return deps.isEnabled(address);
  };

  const look = async (addresses: QueueAddress[], now: number): Promise<string[]> => {
    const pipeline = redis.pipeline();
    for (const address of addresses) ask(pipeline, address);
    const [scores, answers] = await Promise.all([
      redis.zmscore(KEYS.due, addresses.map(queueName)),
      pipeline.exec().then((rows) => (rows ?? []).map(([, value]) => value)),
    ]);
    const forgotten: string[] = [];
    for (const [index, address] of addresses.entries()) {
      const work = workAt(answers.slice(index * QUESTIONS, (index + 1) * QUESTIONS));
      if (work === undefined || !(await isForgotten(address, work, scores[index] ?? null, now))) continue;
      await due.announce(queueName(address), work);
      forgotten.push(queueName(address));
    }
    return forgotten;
  };

  return async (signal) => {
    const found: string[] = [];
    for await (const addresses of allQueues(redis, AT_A_TIME)) {
      if (signal.aborted) break;
      found.push(...(await look(addresses, await deps.clock.ask())));
    }
    return found;
  };
};
