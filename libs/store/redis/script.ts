// Runs a Lua script by its hash; Redis gets the text once.
import { createHash } from 'node:crypto';
import { messageOf } from '../../runtime/fault';
import type { Redis } from './redis';

export type ScriptArgument = string | number | Buffer;
export type Script = (redis: Redis, keys: string[], args: ScriptArgument[]) => Promise<unknown>;

/**
 * @param lua its first lines state KEYS, ARGV, the result and why it must be atomic
 */
export const defineScript = (lua: string): Script => {
  const hash = createHash('sha1').update(lua).digest('hex');
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(hash, keys.length, ...keys, ...args);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
};
