// Moves events out of the queues' outboxes into the stream of the installation: each once, those of a queue in their order.
import { setTimeout as pause } from 'node:timers/promises';
import { KEYS, outboxOf } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import type { RedisClock } from '../store/redis/redis-clock';
import { replaceTime } from '../store/redis/replace-time';
import { defineScript } from '../store/redis/script';
import type { Listening } from '../store/registries/listening';

/** Events of one call: Redis answers nobody else meanwhile. */
const AT_ONCE = 500;
/** Outboxes that are looked into at once. */
const OUTBOXES_AT_ONCE = 50;
/** How often those with news are asked for, and all of them looked into: a process that died may not have named one. */
const NEWS_MS = 100;
const LOOK_MS = 10_000;
const TRIM_MS = 60_000;
/** An outbox of which nothing was said for so long is forgotten where it is empty. */
const IDLE_MS = 60 * 60_000;
/** How long events can be read. */
export const EVENTS_KEPT_MS = 24 * 60 * 60_000;

// KEYS: the stream, what was moved. ARGV: name of the outbox, then pairs of an entry's id and what it says. Result: how many were new.
// Atomic: an entry is in the stream exactly when it counts as moved. Where two relays are at work, one of them finds it moved.
const move = defineScript(`
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local last = redis.call('HGET', KEYS[2], ARGV[1]) or '0-0'
local ms, seq = parts(last)
local moved = 0
for index = 2, #ARGV, 2 do
  local entryMs, entrySeq = parts(ARGV[index])
  if entryMs > ms or entryMs == ms and entrySeq > seq then
    redis.call('XADD', KEYS[1], '*', 'q', ARGV[1], 'e', ARGV[index + 1])
    last, ms, seq = ARGV[index], entryMs, entrySeq
    moved = moved + 1
  end
end
if moved > 0 then redis.call('HSET', KEYS[2], ARGV[1], last) end
return moved`);

// KEYS: an outbox. Result: 1 where it is gone. Atomic, so that nothing is written between the question and the end.
const dropEmpty = defineScript(`
if redis.call('XLEN', KEYS[1]) > 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1`);

const after = (id: string): string => {
  const [ms = '0', seq = '0'] = id.split('-');
  return `${ms}-${BigInt(seq) + 1n}`;
};

/** Empties one outbox. What was moved is taken away afterwards: whoever dies in between moves nothing twice. */
const moveAll = async (redis: Redis, name: string): Promise<void> => {
  const outbox = outboxOf(name);
  for (;;) {
    const entries = await redis.xrange(outbox, '-', '+', 'COUNT', AT_ONCE);
    const last = entries.at(-1)?.[0];
    if (last === undefined) return;
    const args = entries.flatMap(([id, [, event = '']]) => [id, event]);
    await move(redis, [KEYS.events.stream, KEYS.events.moved], [name, ...args]);
    await redis.xtrim(outbox, 'MINID', after(last));
    if (entries.length < AT_ONCE) return;
  }
};

const moveEach = async (redis: Redis, names: string[]): Promise<void> => {
  for (let from = 0; from < names.length; from += OUTBOXES_AT_ONCE)
    await Promise.all(names.slice(from, from + OUTBOXES_AT_ONCE).map((name) => moveAll(redis, name)));
};

/** Says which was the last to go before it goes, so that whoever reads on from before it knows that something is missing. */
const trim = async (redis: Redis, before: number): Promise<void> => {
  const { stream, state } = KEYS.events;
  const [last] = await redis.xrevrange(stream, `(${before}-0`, '-', 'COUNT', 1);
  if (last === undefined) return;
  await redis.hset(state, 'trimmed', last[0]);
  await redis.xtrim(stream, 'MINID', before);
};

const forgetIdle = async (redis: Redis, now: number): Promise<void> => {
  const found = await redis.zrangebyscore(KEYS.events.outboxes, '-inf', now - IDLE_MS, 'WITHSCORES');
  for (let index = 0; index < found.length; index += 2) {
    const [name = '', score = ''] = found.slice(index, index + 2);
    if ((await dropEmpty(redis, [outboxOf(name)], [])) !== 1) continue;
    await redis.hdel(KEYS.events.moved, name);
    await replaceTime(redis, [KEYS.events.outboxes], [name, '', score]);
  }
};

/**
 * @returns one run of the duty: it goes on for as long as somebody listens, then it looks once
 */
export const createRelay = (deps: { redis: Redis; listening: Listening; clock: RedisClock }) => {
  const { redis, listening, clock } = deps;

  const lookAtAll = async (): Promise<void> => {
    await moveEach(redis, await redis.zrange(KEYS.events.outboxes, 0, '-1'));
    await forgetIdle(redis, await clock.ask());
  };

  return async (signal: AbortSignal): Promise<void> => {
    let [lookAt, trimAt] = [0, 0];
    do {
      const now = clock.now();
      const fresh = await redis.spop(KEYS.events.fresh, AT_ONCE);
      await moveEach(redis, fresh);
      if (now >= lookAt) {
        await lookAtAll();
        lookAt = now + LOOK_MS;
      }
      if (now >= trimAt) {
        await trim(redis, Math.max(0, now - EVENTS_KEPT_MS));
        trimAt = now + TRIM_MS;
      }
      if (fresh.length < AT_ONCE) await pause(NEWS_MS, undefined, { signal, ref: false }).catch(() => undefined);
    } while (!signal.aborted && (await listening.isOn()));
  };
};
