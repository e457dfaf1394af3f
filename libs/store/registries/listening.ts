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
  /** Does somebody listen now, or did within the last hour? Asked at every change: it is remembered. */
  isOn: () => Promise<boolean>;
  /** Of what belongs to a tenant: before it changes. @returns what the script writes of it, '' where nobody listens */
  noteOf(tenant: string, note: EventNote): Promise<string>;
  /** To be said by whoever listens, every few minutes: events are written for another hour. */
  keepOn(): Promise<void>;
  /** Since when events have been written without a break, ms since 1970; undefined where none are. */
  since(): Promise<number | undefined>;
}

const LISTENED_MS = 60 * 60_000;
/** Every process has heard by then that events are wanted: whoever listens is promised what happens from then on. */
const HEARD_MS = 200;

// KEYS: the state, a hash of since when and until when events are written. ARGV: for how long from now (ms). Result: 1 where they were
// not. By Redis' own clock, as ids of events are. Atomic, so that of two who begin to listen neither moves the beginning.
const extend = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local began = tonumber(redis.call('HGET', KEYS[1], 'until') or '0') < now
if began then redis.call('HSET', KEYS[1], 'since', now) end
redis.call('HSET', KEYS[1], 'until', now + ARGV[1])
return began and 1 or 0`);

const ID = 'events';

export const createListening = (deps: { redis: Redis; changes: Changes; clock: Clock }): Listening => {
  const { redis, changes, clock } = deps;
  const until = changes.cached('listening', async () => Number(await redis.hget(KEYS.events.state, 'until')));
  const isOn = async (): Promise<boolean> => (await until(ID)) > clock.now();
  return {
    isOn,
    async noteOf(tenant, note) {
      if (!(await isOn())) return '';
      await announceOutbox(redis, tenant);
      return writeEvent(note);
    },
    async keepOn() {
      if ((await extend(redis, [KEYS.events.state], [LISTENED_MS])) === 0) return;
      await changes.announce('listening', ID);
      await pause(HEARD_MS);
    },
    async since() {
      const [since, end] = await redis.hmget(KEYS.events.state, 'since', 'until');
      return Number(end) > clock.now() ? Number(since) : undefined;
    },
  };
};
