// When the sweep looks at a queue next: one entry a queue in one index of the whole installation.
import { KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import type { EmailQueue } from './queues';

/**
 * The sweep comes to the queue at this time or before. Announced before the change that needs it is made: a sweep for nothing
 * is harmless, an email that no sweep comes to stays for ever where the process dies between the two.
 * @param at ms since 1970; a later time than the one that is known changes nothing
 */
export const announceUpkeep = async (redis: Redis, { name }: Pick<EmailQueue, 'name'>, at: number): Promise<void> => {
  await redis.zadd(KEYS.upkeep, 'LT', at, name);
};
