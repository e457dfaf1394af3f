// Where an email stands among those of its queue, and what the queue does now.
import type { Redis } from '../../store/redis/redis';
import type { EmailRecord } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';

/** How many emails of its queue come before one that is due. @param record of an email in `wait` or `prioritized` */
export const readEmailsAhead = async (
  redis: Redis,
  { keys }: EmailQueue,
  { id, place }: Pick<EmailRecord, 'id' | 'place'>,
): Promise<number> => {
  const waiting = await redis.llen(`${keys.bull}wait`);
  if (place === 'prioritized') return waiting + ((await redis.zrank(`${keys.bull}prioritized`, id)) ?? 0);
  const position = await redis.lpos(`${keys.bull}wait`, id, 'RANK', -1);
  return typeof position === 'number' ? waiting - 1 - position : 0;
};

/** How many emails of a queue workers have taken and not yet ended. */
export const countInWork = (redis: Redis, { keys }: EmailQueue): Promise<number> => redis.llen(`${keys.bull}active`);
