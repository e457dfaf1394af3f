// Whether anybody wants to hear of events: while nobody does, none is written, and changes cost nothing more.
import { setTimeout as pause } from 'node:timers/promises';
import { writeEvent, type EventNote } from '../../mail/email/event';
import type { Clock } from '../../runtime/clock';
import { KEYS } from '../redis/keys';
import { announceOutbox } from '../redis/outboxes';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import type { Changes } from '../redis/settings-cache';

export interface Listening {
  /** Does somebody listen now, or did within the last hour, or has a webhook? Asked at every change: it is remembered. */
  isOn: () => Promise<boolean>;
  /** Of what belongs to a tenant: before it changes. @returns what the script writes of it, '' where nobody listens */
  noteOf(tenant: string, note: EventNote): Promise<string>;
  /** To be said by whoever listens, every few minutes: events are written for another hour. */
  keepOn(): Promise<void>;
  /** Before a tenant gets a webhook: events are written for as long as it is among `followed`. */
  keepOnFor(tenant: string): Promise<void>;
  /** Tenants that may have webhooks. */
  followed(): Promise<string[]>;
  /** Of a tenant without webhooks: it is not among `followed` any more, unless it may be about to get one. */
  unfollow(tenant: string): Promise<void>;
  /** Since when events have been written without a break, ms since 1970; undefined where none are. */
  since(): Promise<number | undefined>;
}

const LISTENED_MS = 60 * 60_000;
/** Every process has heard by then that events are wanted: whoever listens is promised what happens from then on. */
const HEARD_MS = 200;

// KEYS: the state, a hash of since when and until when events are written; tenants that may have webhooks, for whom they are written
// whatever the hash says. ARGV: for how long from now (ms), such a tenant or ''. Result: 1 where they were not written. By Redis' own
// clock, as ids of events are. Atomic, so that of two who begin to listen neither moves the beginning.
const extend = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local began = tonumber(redis.call('HGET', KEYS[1], 'until') or '0') < now and redis.call('ZCARD', KEYS[2]) == 0
if began then redis.call('HSET', KEYS[1], 'since', now) end
redis.call('HSET', KEYS[1], 'until', now + ARGV[1])
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[2], now, ARGV[2]) end
return began and 1 or 0`);

// KEYS: tenants that may have webhooks. ARGV: one of them, for how long it stays after it was said (ms). Result: 1 where it is gone.
// Atomic, so that one that is said at the same moment stays.
const drop = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local said = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
if said + ARGV[2] > now then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])`);

const ID = 'events';

export const createListening = (deps: { redis: Redis; changes: Changes; clock: Clock }): Listening => {
  const { redis, changes, clock } = deps;
  const { state, followed } = KEYS.events;
  const until = changes.cached('listening', async () => {
    const [end, webhooks] = await Promise.all([redis.hget(state, 'until'), redis.zcard(followed)]);
    return webhooks > 0 ? Infinity : Number(end);
  });
  const isOn = async (): Promise<boolean> => (await until(ID)) > clock.now();
  const keepOn = async (tenant: string): Promise<void> => {
    if ((await extend(redis, [state, followed], [LISTENED_MS, tenant])) === 0) return;
    await changes.announce('listening', ID);
    await pause(HEARD_MS);
  };
  return {
    isOn,
    async noteOf(tenant, note) {
      if (!(await isOn())) return '';
      await announceOutbox(redis, tenant);
      return writeEvent(note);
    },
    keepOn: () => keepOn(''),
    keepOnFor: keepOn,
    followed: () => redis.zrange(followed, 0, '-1'),
    async unfollow(tenant) {
      await drop(redis, [followed], [tenant, LISTENED_MS]);
    },
    async since() {
      const [[since, end], webhooks] = await Promise.all([redis.hmget(state, 'since', 'until'), redis.zcard(followed)]);
      return webhooks > 0 || Number(end) > clock.now() ? Number(since) : undefined;
    },
  };
};
