// Who works: each worker says so every few seconds, and is forgotten when it says nothing any more.
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

/** What a tenant has of a worker. */
export interface TenantUse {
  /** Emails in work, and those that wait for a server or a source. */
  held: number;
  waiting: number;
  /** So many wait that it gets no place until one of them is done with. */
  full?: true;
  /** Transports of which as many wait as may, with how many those are. */
  slow?: Record<string, number>;
}

/** What a worker says of itself. */
export interface Sign {
  /** Names the process; as in locks and logs. */
  id: string;
  version: string;
  /** ISO 8601 */
  startedAt: string;
  /** Emails that it may have in work at once, and has. */
  places: number;
  busy: number;
  /** What tenants have of it, by name; absent in signs of an earlier version. For `explain`: no other tenant is told. */
  tenants?: Record<string, TenantUse>;
  /** Names of the secret keys that it holds (never the keys). */
  secretKeys: string[];
}

export type Worker = Sign & {
  /** ISO 8601, by Redis' clock. */
  seenAt: string;
};

export interface Workers {
  /** To be repeated every `SIGN_MS`. */
  sign(sign: Sign): Promise<void>;
  /** It stops: nobody waits for its next sign. */
  leave(id: string): Promise<void>;
  /** Those that gave a sign lately, by name. */
  list(): Promise<Worker[]>;
}

export const SIGN_MS = 2_000;
/** Without a sign for so long a worker counts as gone: a healthy one that is busy gives several in that time. */
const GONE_MS = 15_000;

// KEYS: when each was seen, what each says. ARGV: id, what it says, when it counts as gone (ms). Result: 1. By Redis' clock, since
// those of workers may differ. Atomic, so that who is forgotten is forgotten in both.
const signScript = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1`);

// KEYS: as above. ARGV: id. Result: 1. Atomic, as above.
const leaveScript = defineScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1`);

// KEYS: as above. ARGV: when one counts as gone (ms). Result: per worker its last sign (ms) and what it said.
const listScript = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now - ARGV[1], '+inf', 'WITHSCORES')
local result = {}
for index = 1, #seen, 2 do
  result[#result + 1] = seen[index + 1]
  result[#result + 1] = redis.call('HGET', KEYS[2], seen[index])
end
return result`);

export const createWorkers = (redis: Redis): Workers => {
  const keys = [KEYS.workersSeen, KEYS.workers];
  return {
    async sign(sign) {
      await signScript(redis, keys, [sign.id, JSON.stringify(sign), GONE_MS]);
    },
    async leave(id) {
      await leaveScript(redis, keys, [id]);
    },
    async list() {
      const answer = (await listScript(redis, keys, [GONE_MS])) as (string | null)[];
      const workers: Worker[] = [];
      for (let index = 0; index < answer.length; index += 2) {
        const [seen, said] = [answer[index], answer[index + 1]];
        if (!said) continue;
        workers.push({ ...(JSON.parse(said) as Sign), seenAt: new Date(Number(seen)).toISOString() });
      }
      return workers.sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
};
