// How full Redis is: the last of its memory is for work that is under way.
import { uptime } from '../../runtime/clock';
import type { Redis } from '../redis/redis';
import { askPrimaries } from '../servers/each-server';

export interface Memory {
  /** Is more of it used than what is new may fill? A Redis without `maxmemory` is never full, a cluster is where one node is. */
  isFull(): Promise<boolean>;
  /** Of `maxmemory`, in percent: for people. */
  percent: number;
}

/** What was read is believed for so long; with several replicas each may let in so much more than allowed. ms */
const BELIEVED_MS = 1_000;

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/** @returns how much of `maxmemory` is used, 0 to 1, by the fullest of several nodes; undefined for a Redis without one */
export const memoryUsed = async (redis: Redis): Promise<number | undefined> => {
  const shares = await askPrimaries(redis, async (server) => {
    const info = await server.info('memory');
    const most = field(info, 'maxmemory');
    return most > 0 ? field(info, 'used_memory') / most : undefined;
  });
  const known = shares.filter((used) => used !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
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
      const used = await memoryUsed(redis);
      known = { at: uptime(), full: used !== undefined && used > share };
      return known.full;
    },
  };
};
