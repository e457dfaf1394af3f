// At the start of a process: is this Redis ours to use? Whatever it cannot do now is waited for; only what a person must change is final.
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../runtime/fault';
import type { Log } from '../../runtime/log';
import { claimFormat, UnusableRedis } from './format';
import { redisUnfit, whenReady, type Redis } from './redis';

/** Redis may answer and refuse: it is loading, a replica, full. It is asked again after this, ms. */
const AGAIN_MS = 1_000;

/** What a process that begins needs of Redis is asked with. */
export interface Start {
  redis: Redis;
  log: Log;
  /** Gives up without an error once it is true: the process stops. */
  ended: () => boolean;
}

/**
 * Does what a process needs before it begins, of Redis or of its content store, again and again until it succeeds, and says in the log why
 * it does not.
 * @param step may be broken off anywhere and begun anew
 * @throws UnusableRedis
 */
export const untilDone = async ({ redis, log, ended }: Start, step: () => Promise<void>): Promise<void> => {
  let told: string | undefined;
  while (!ended()) {
    await whenReady(redis);
    try {
      return await step();
    } catch (error) {
      if (error instanceof UnusableRedis) throw error;
      const why = messageOf(error);
      if (why !== told) log.warn({ error: why }, 'this process cannot begin yet: it tries again until it can');
      told = why;
      await pause(AGAIN_MS, undefined, { ref: false });
    }
  }
};

/**
 * Waits until Redis is there and holds our format, and says in the log what is wrong with it for keeping emails.
 * @throws OtherFormat
 */
export const claimRedis = (start: Start): Promise<void> =>
  untilDone(start, async () => {
    const { redis, log } = start;
    await claimFormat(redis);
    for (const problem of await redisUnfit(redis)) log.error({ problem }, 'this Redis is not fit for keeping emails');
  });
