// Which queues may hold emails with a cause.
import { BESIDE, KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import type { EmailQueue } from '../layout/queues';
import { createQueueIndex } from './queue-index';

const { announce, queues, dropIdle } = createQueueIndex(KEYS.causes, BESIDE.byCause);

/**
 * To be called before an email of the queue gets a cause.
 * A full Redis refuses it, and still lets an email end: the reconciler says so
 * then.
 */
export const announceCauses = (redis: Redis, queue: EmailQueue): Promise<void> =>
  announce(redis, queue).catch(() => undefined);

/** The queues that may hold some. */
export const queuesWithCauses = queues;

/** Takes out queues that hold none and have not held any for a while. */
export const dropIdleCauses = dropIdle;
