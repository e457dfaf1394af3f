// Tells the relay which outboxes may hold something: first of all that there may be anything, then, soon after, that there are news.
import { LRUCache } from 'lru-cache';
import { uptime } from '../../runtime/clock';
import { KEYS } from './keys';
import type { Redis } from './redis';
import { defineScript } from './script';

const SAID_AGAIN_MS = 5 * 60_000;
/** Outboxes with news are named to the relay together, after this. ms */
const NAMED_AFTER_MS = 50;

// KEYS: the outboxes. ARGV: name. Result: 1. By Redis' own clock, which the relay compares with.
const say = defineScript(`
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'GT', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1`);

/** When this process said last that an outbox may hold something, by its uptime in ms. */
const said = new WeakMap<Redis, LRUCache<string, number>>();
const news = new WeakMap<Redis, Set<string>>();

const saidBy = (redis: Redis): LRUCache<string, number> => {
  const known = said.get(redis) ?? new LRUCache<string, number>({ max: 20_000 });
  said.set(redis, known);
  return known;
};

const nameToRelay = (redis: Redis, name: string): void => {
  const known = news.get(redis);
  if (known !== undefined) return void known.add(name);
  const names = new Set([name]);
  news.set(redis, names);
  setTimeout(() => {
    news.delete(redis);
    // Where this is lost the relay finds it when it looks at every outbox.
    redis.sadd(KEYS.events.fresh, ...names).catch(() => undefined);
  }, NAMED_AFTER_MS).unref();
};

/**
 * To be called before an event is written. A full Redis refuses it, and still lets an email end.
 * @param name of a queue, or of a tenant (`outboxOf`)
 */
export const announceOutbox = async (redis: Redis, name: string): Promise<void> => {
  const [now, known] = [uptime(), saidBy(redis)];
  if (now >= (known.get(name) ?? -Infinity) + SAID_AGAIN_MS) {
    await say(redis, [KEYS.events.outboxes], [name]).then(
      () => void known.set(name, now),
      () => undefined,
    );
  }
  nameToRelay(redis, name);
};
