// How full Redis is: the last of its memory is for work that is under way.
import { uptime } from '../../runtime/clock';
import type { Redis } from '../redis/redis';

export interface Memory {
  /** Is more of it used than what is new may fill? A Redis without `maxmemory` is never full. */
  isFull(): Promise<boolean>;
  /** Of `maxmemory`, in percent: for people. */
  percent: number;
}

/** What was read is believed for so long; with several replicas each may let in so much more than allowed. ms */
const BELIEVED_MS = 1_000;

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/** @returns how much of `maxmemory` is used, 0 to 1; undefined for a Redis without one */
export const memoryUsed = async (redis: Redis): Promise<number | undefined> => {
  const info = await redis.info('memory');
  const most = field(info, 'maxmemory');
  return most > 0 ? field(info, 'used_memory') / most : undefined;
};

/** @param share of Redis' `maxmemory` that may be filled, 0 to 1 */
export const createMemory = (redis: Redis, share: number): Memory => {
  let known = { at: -Infinity, full: false };
  return {
    percent: Math.round(share * 100),
    async isFull() {
      if (uptime() - known.at < BELIEVED_MS) return known.full;
      // Read once, however many ask meanwhile.
      known = { ...known, at: uptime() };
      const info = await redis.info('memory');
      const most = field(info, 'maxmemory');
      known = { at: uptime(), full: most > 0 && field(info, 'used_memory') > most * share };
      return known.full;
    },
  };
};
