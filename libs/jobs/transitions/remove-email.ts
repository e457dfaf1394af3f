// Removes an email with every trace of it; whatever step was the last before a crash, the sweep goes on from there.
import { readStored } from '../../mail/email/stored-email';
import type { Clock } from '../../runtime/clock';
import { MARK } from '../layout/marks';
import type { Redis } from '../../store/redis/redis';
import type { Erase } from '../layout/erase';
import { toArchive } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';
import { announceUpkeep } from '../../store/redis/upkeep-index';
import type { Refusal } from '../layout/layout';
import { removeJob } from './remove-job';

/** Whoever began has this long to finish before the sweep goes on: two at once could remove what a third has claimed. */
const RESUME_MS = 60_000;

export interface RemoveEmail {
  /** @returns why it was not removed */
  remove(queue: EmailQueue, id: string): Promise<Refusal | undefined>;
  /** Goes on with a removal that was interrupted; false where there is none. */
  resume(queue: EmailQueue, id: string): Promise<boolean>;
}

/**
 * One script takes the job away from everybody and leaves it under a key of removals, with an entry for the sweep; what
 * belongs to it is erased then; its last step takes key and entry away.
 */
export const createRemoveEmail = (deps: { redis: Redis; clock: Clock; erase: Erase }): RemoveEmail => {
  const { redis, clock, erase } = deps;

  const resume = async (queue: EmailQueue, id: string): Promise<boolean> => {
    const [data, archive] = await redis.hmget(queue.keys.removal(id), 'data', MARK.archive);
    if (data === null || data === undefined) return false;
    await erase(queue, id, readStored(data), toArchive(archive));
    return true;
  };

  return {
    async remove(queue, id) {
      const now = clock.now();
      const resumeAt = now + RESUME_MS;
      await announceUpkeep(redis, queue, resumeAt);
      const refusal = await removeJob(redis, queue, id, { now, resumeAt });
      if (refusal === undefined) await resume(queue, id);
      return refusal;
    },
    resume,
  };
};
