// Runs a Lua script by its hash; Redis gets the text once.
import { createHash } from 'node:crypto';
import { messageOf } from '../../runtime/fault';
import { isCluster, type Redis } from '../servers/each-server';
import { absentKey } from './keys';

export type ScriptArgument = string | number | Buffer;
export type Script = (redis: Redis, keys: string[], args: ScriptArgument[]) => Promise<unknown>;

/**
 * While a slot of a cluster moves, its keys are on two nodes, and a script that comes upon one that is on the other is broken off
 * in its midst: what it wrote stays. So in a cluster each names one key more, which is never there: of several keys of such a slot
 * that are not all there Redis refuses the script before it begins (TRYAGAIN), and ioredis asks again until the slot has moved.
 * @param lua its first lines state KEYS, ARGV, the result and why it must be atomic
 */
export const defineScript = (lua: string): Script => {
  const hash = createHash('sha1').update(lua).digest('hex');
  return async (redis, keys, args) => {
    const named = isCluster(redis) ? [...keys, absentKey(keys[0] ?? '')] : keys;
    try {
      return await redis.evalsha(hash, named.length, ...named, ...args);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return redis.eval(lua, named.length, ...named, ...args);
    }
  };
};
