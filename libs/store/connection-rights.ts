// The connections that a server allows, shared by all replicas: each holds rights in Redis, and lets go of those it does not use.
import type { Clock } from '../runtime/clock';
import type { Redis } from './redis';
import { defineScript } from './script';

export interface ConnectionRights {
  /**
   * @param key of the transport's counts
   * @param most connections at once over all replicas; undefined for any number
   * @returns the right to use one connection, or when to ask again (ms since 1970)
   */
  take(key: string, most: number | undefined): Promise<{ giveBack: () => void } | { until: number }>;
  stop(): Promise<void>;
}

/** A worker that vanished gives its rights back after this; a living one renews them. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/**
 * An unused right is kept so long for the next email. A connection of such a transport lies idle for a shorter time
 * (libs/send/connections.ts), so there are never more connections than rights.
 */
const SPARE_MS = 1_500;
/** Who waits for a right asks again after this. */
const SOON_MS = 100;

// KEYS: rights, a sorted set of token -> until when. ARGV: token, most, lease. Result: 1, or 0 where none is left.
// Atomic, so that no two replicas take the last one; by Redis' own clock, since theirs may differ.
const takeRight = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`);

// KEYS: rights. ARGV: lease, tokens. Result: tokens that were given up meanwhile; they do not come back.
const renewRights = defineScript(`
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local gone = {}
for index = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[index]) then redis.call('ZADD', KEYS[1], till, ARGV[index])
  else gone[#gone + 1] = ARGV[index] end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return gone`);

/** Rights of one transport on this replica. */
interface Held {
  inUse: Set<string>;
  spare: Map<string, NodeJS.Timeout>;
}

export const createConnectionRights = (deps: { redis: Redis; clock: Clock; replica: string }): ConnectionRights => {
  const { redis } = deps;
  const held = new Map<string, Held>();
  let count = 0;
  let stopped = false;

  const ofTransport = (key: string): Held => {
    const known = held.get(key) ?? { inUse: new Set(), spare: new Map() };
    held.set(key, known);
    return known;
  };

  const forget = (key: string, token: string): void => {
    const mine = ofTransport(key);
    clearTimeout(mine.spare.get(token));
    mine.spare.delete(token);
    mine.inUse.delete(token);
    if (mine.inUse.size + mine.spare.size === 0) held.delete(key);
  };

  const letGo = async (key: string, token: string): Promise<void> => {
    forget(key, token);
    // What cannot be given back now ends by itself.
    await redis.zrem(key, token).catch(() => undefined);
  };

  /** A right that is used until it is given back. */
  const use = (key: string, token: string): { giveBack: () => void } => {
    const mine = ofTransport(key);
    clearTimeout(mine.spare.get(token));
    mine.spare.delete(token);
    mine.inUse.add(token);
    return {
      giveBack() {
        if (!mine.inUse.delete(token)) return;
        if (stopped) void letGo(key, token);
        else
          mine.spare.set(
            token,
            setTimeout(() => void letGo(key, token), SPARE_MS),
          );
      },
    };
  };

  /** What others have by now, since this replica stood still, is not used for another email. */
  const renew = async (key: string, tokens: string[]): Promise<void> => {
    const gone = (await renewRights(redis, [key], [LEASE_MS, ...tokens])) as string[];
    for (const token of gone) forget(key, token);
  };
  const renewal = setInterval(() => {
    for (const [key, { inUse, spare }] of held) renew(key, [...inUse, ...spare.keys()]).catch(() => undefined);
  }, RENEW_MS);
  renewal.unref();

  return {
    async take(transport, most) {
      if (most === undefined) return { giveBack: () => undefined };
      const key = `${transport}:connections`;
      const [spare] = held.get(key)?.spare.keys() ?? [];
      if (spare !== undefined) return use(key, spare);
      const token = `${deps.replica}:${count++}`;
      const taken = await takeRight(redis, [key], [token, most, LEASE_MS]);
      return taken === 1 ? use(key, token) : { until: deps.clock.now() + SOON_MS };
    },
    async stop() {
      stopped = true;
      clearInterval(renewal);
      await Promise.all([...held].flatMap(([key, { spare }]) => [...spare.keys()].map((token) => letGo(key, token))));
    },
  };
};
