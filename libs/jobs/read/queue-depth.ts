// What a queue holds for workers, without taking anything.
import { SCORE_UNIT } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { EmailQueue } from '../layout/queues';

export interface QueueDepth {
  paused: boolean;
  /** Due emails that wait for a worker. */
  waiting: number;
  active: number;
  /** When the next delayed email is due (ms), where there is one. */
  nextDelayedAt?: number;
}

// KEYS: meta, wait, prioritized, active, delayed. Result: {paused, waiting, active, first score of delayed or ''}.
// Atomic, so that an email in motion is counted once.
const peek = defineScript(`
local first = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
return {redis.call('HEXISTS', KEYS[1], 'paused'), redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]),
  redis.call('LLEN', KEYS[4]), first[2] or ''}`);

export const readQueueDepth = async (redis: Redis, queue: EmailQueue): Promise<QueueDepth> => {
  const keys = ['meta', 'wait', 'prioritized', 'active', 'delayed'].map((type) => `${queue.keys.bull}${type}`);
  const [paused, waiting, active, score] = (await peek(redis, keys, [])) as [number, number, number, string];
  return {
    paused: paused === 1,
    waiting,
    active,
    ...(score !== '' && { nextDelayedAt: Math.floor(Number(score) / SCORE_UNIT) }),
  };
};
