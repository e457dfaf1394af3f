// At the start of a process: is this Redis ours to use? Its absence is waited for, only another format is final.
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../runtime/fault';
import type { Log } from '../../runtime/log';
import { claimFormat, OtherFormat } from './format';
import { redisUnfit, whenReady, type Redis } from './redis';

/** Redis may answer and refuse: it is loading, a replica, full. It is asked again after this. */
const AGAIN_MS = 1_000;

/**
 * Waits until Redis is there and holds our format, and says in the log what is wrong with it for keeping emails.
 * @param deps.ended gives up without an error once it is true: the process stops
 * @throws OtherFormat
 */
export const claimRedis = async (deps: { redis: Redis; log: Log; ended: () => boolean }): Promise<void> => {
  const { redis, log } = deps;
  for (let tries = 0; !deps.ended(); tries++) {
    await whenReady(redis);
    try {
      await claimFormat(redis);
      for (const problem of await redisUnfit(redis)) log.error({ problem }, 'this Redis is not fit for keeping emails');
      return;
    } catch (error) {
      if (error instanceof OtherFormat) throw error;
      if (tries === 0) log.warn({ error: messageOf(error) }, 'Redis cannot be used yet: waiting for it');
      await pause(AGAIN_MS, undefined, { ref: false });
    }
  }
};
