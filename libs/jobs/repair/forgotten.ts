// Finds queues with work that nobody announced, as after a plain BullMQ client's `resume`, `promote` or `retry`.
import { queueName, type QueueAddress } from '../../mail/address/queue-address';
import type { RedisClock } from '../../store/redis/redis-clock';
import { allQueues } from '../../store/redis/all-queues';
import { KEYS, queueKeys, SCORE_UNIT } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { DUE_NOW, isStopped, type Schedule } from '../layout/schedule';

/** Queues that are looked at in one round trip: Redis answers others in between. No pipeline, since they lie in different slots. */
const AT_A_TIME = 200;
/** An announcement that is so little late is none that is missing: a queue in work is looked at every few seconds. ms */
const LITTLE_LATE_MS = 10_000;

const PLACES = ['wait', 'prioritized', 'active', 'delayed'];

/** A queue that nobody is going to look at soon. */
interface Suspect {
  address: QueueAddress;
  /** When it will be looked at, ms since 1970. */
  announcedFor: number;
}

/** Work that is there, ms since 1970. */
interface Work {
  at: number;
  /** Emails are in an attempt, or their worker is gone: they are looked after also in a paused queue. */
  active: boolean;
}

const workOf = ([paused, waiting, prioritized, active, delayed]: unknown[]): Work | undefined => {
  if (Number(active) > 0) return { at: DUE_NOW, active: true };
  if (paused === 1) return undefined;
  if (Number(waiting) + Number(prioritized) > 0) return { at: DUE_NOW, active: false };
  const [, score] = (delayed ?? []) as string[];
  return score === undefined ? undefined : { at: Math.floor(Number(score) / SCORE_UNIT), active: false };
};

/**
 * Asks one question about each queue that is not announced, and five about those that hold anything; reads no email.
 * @param deps.isEnabled may the queue's tenant send? One that may not is announced when it may
 * @returns announces those that were forgotten, and gives their names
 */
export const createFindForgotten = (deps: {
  redis: Redis;
  clock: RedisClock;
  schedule: Schedule;
  isEnabled: (address: QueueAddress) => Promise<boolean>;
}): ((signal: AbortSignal) => Promise<string[]>) => {
  const { redis, schedule } = deps;

  /** Those that are not announced for the next moments, and hold emails that are not finished. */
  const suspectsOf = async (addresses: QueueAddress[], now: number): Promise<Suspect[]> => {
    const scores = await redis.zmscore(KEYS.due, addresses.map(queueName));
    const late = addresses.flatMap((address, index) => {
      const score = scores[index] ?? null;
      const announcedFor = score === null ? Infinity : Number(score);
      return announcedFor > now + LITTLE_LATE_MS ? [{ address, announcedFor }] : [];
    });
    const found = await Promise.all(
      late.map(({ address }) => redis.exists(...PLACES.map((place) => `${queueKeys(address).bull}${place}`))),
    );
    return late.filter((_, index) => found[index] !== 0);
  };

  const workIn = async (address: QueueAddress): Promise<Work | undefined> => {
    const { bull } = queueKeys(address);
    return workOf(
      await Promise.all([
        redis.hexists(`${bull}meta`, 'paused'),
        redis.llen(`${bull}wait`),
        redis.zcard(`${bull}prioritized`),
        redis.llen(`${bull}active`),
        redis.zrange(`${bull}delayed`, 0, '0', 'WITHSCORES'),
      ]),
    );
  };

  const isForgotten = async ({ address, announcedFor }: Suspect, work: Work, now: number): Promise<boolean> => {
    if (announcedFor <= Math.max(work.at, now) + LITTLE_LATE_MS) return false;
    // A limit said when there is room again. Emails whose worker is gone need no room.
    if (isStopped(announcedFor) && !work.active) return false;
    return deps.isEnabled(address);
  };

  const look = async (addresses: QueueAddress[], now: number): Promise<string[]> => {
    const suspects = await suspectsOf(addresses, now);
    const works = await Promise.all(suspects.map(({ address }) => workIn(address)));
    const forgotten: string[] = [];
    for (const [index, suspect] of suspects.entries()) {
      const work = works[index];
      if (work === undefined || !(await isForgotten(suspect, work, now))) continue;
      await schedule.announce(queueName(suspect.address), work.at);
      forgotten.push(queueName(suspect.address));
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
