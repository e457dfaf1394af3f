// A duty that one process of the installation does at a time, every so often: whose turn it is, Redis says by its own clock.
import { setTimeout as pause } from 'node:timers/promises';
import { KEYS } from './keys';
import { whenAway, type Redis } from './redis';
import { defineScript } from './script';

/** A process that vanished in the middle is followed by another one after this; a living one renews it. */
const LEASE_MS = 30_000;
/** Nobody waits longer before the next question: the process that was to do it may be gone. */
const LONGEST_PAUSE_MS = 20_000;
/** After a run that failed, or a Redis that does not answer. */
const FAILED_MS = 1_000;

// KEYS: the duty, a hash of its holder, until when it holds it, and when it is due next. ARGV: token, lease, how often (ms).
// Result: 0 where it is the caller's now, else after how many ms to ask again. Atomic, so that one has it; by Redis' clock,
// since theirs may differ. A time further ahead than any that is given here is of before that clock was put back.
const takeTurn = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local till, due = unpack(redis.call('HMGET', KEYS[1], 'till', 'due'))
local held, wait = tonumber(till or '0') - now, tonumber(due or '0') - now
if held > 0 and held <= tonumber(ARGV[2]) then return held end
if wait > 0 and wait <= tonumber(ARGV[3]) then return wait end
-- Taken away first: a full Redis lets a script go on writing then, and the sweep is what makes room.
redis.call('HDEL', KEYS[1], 'holder')
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'till', now + ARGV[2], 'due', now + ARGV[3])
return 0`);

// KEYS: as above. ARGV: token, lease, or 0 to give it back. Result: 1, or 0 where another one has it by now. Atomic, so that
// nobody takes from another what is not his any more.
const holdTurn = defineScript(`
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('HDEL', KEYS[1], 'holder', 'till') end
local time = redis.call('TIME')
redis.call('HDEL', KEYS[1], 'till')
redis.call('HSET', KEYS[1], 'till', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
return 1`);

/**
 * Does it whenever it is due and nobody else does; begins at once.
 * @param deps.every ms from the beginning of one run to that of the next
 * @param deps.lease ms after which another process follows one that vanished in the middle, where that matters
 * @param deps.run one run; it ends early once the signal is aborted: the process stops, or another one has the duty by now
 * @param deps.failed hears of a run that failed; there will be another one
 * @param deps.replica tells this process from others
 * @returns a function that stops: it resolves when a run that is under way has ended, or Redis is away
 */
export const runAsLeader = (deps: {
  redis: Redis;
  name: string;
  every: number;
  lease?: number;
  replica: string;
  run: (signal: AbortSignal) => Promise<unknown>;
  failed: (error: unknown) => void;
}): (() => Promise<void>) => {
  const { redis, name, every, replica, lease = LEASE_MS } = deps;
  const key = KEYS.duty(name);
  const stopping = new AbortController();

  const run = async (): Promise<void> => {
    const lost = new AbortController();
    const renewal = setInterval(() => {
      holdTurn(redis, [key], [replica, lease]).then(
        (held) => held === 0 && lost.abort(),
        () => undefined,
      );
    }, lease / 3);
    try {
      await deps.run(AbortSignal.any([stopping.signal, lost.signal]));
    } finally {
      clearInterval(renewal);
      await holdTurn(redis, [key], [replica, 0]);
    }
  };

  /** @returns ms until the next question */
  const look = async (): Promise<number> => {
    const wait = Number(await takeTurn(redis, [key], [replica, lease, every]));
    if (wait === 0) await run();
    // Those that wait for the same moment do not all ask in it.
    return wait === 0 ? every : wait + (Math.random() * every) / 4;
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const wait = await look().catch((error: unknown) => {
        if (!stopping.signal.aborted) deps.failed(error);
        return FAILED_MS;
      });
      const short = Math.min(wait, every, LONGEST_PAUSE_MS);
      await pause(short, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };

  const ended = loop();
  return async () => {
    stopping.abort();
    await Promise.race([ended, whenAway(redis)]);
  };
};
