// How many emails a window of time may hold, exactly and over all replicas: by when they were over, not by when they began.
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

/** At most so many in every window of that length (ms), wherever it begins. */
export interface Rate {
  max: number;
  per: number;
}

/** One that was let through, until it is over. */
export interface Passage {
  /** It reached the server, or may have: it counts from now on for the length of the window. */
  end: () => void;
  /** No server was asked: as if it had never been let through. */
  cancel: () => void;
}

/** The window is full. */
export interface Full {
  /** When to ask again at the latest (ms, by the caller's clock). */
  until: number;
  /** Only with what is under way: if that reaches no server after all, the next one may go at once. */
  underWay: boolean;
}

export interface Rates {
  /**
   * @param key of the counts; two keys are used, this and one of what is under way
   */
  take(key: string, rates: Rate[]): Promise<Passage | Full>;
  /** When the next one may go (ms, by the caller's clock), where that is not now. */
  read(key: string, rates: Rate[]): Promise<number | undefined>;
  stop(): void;
}

/** What is under way in a process that vanished counts as over after this; a living one renews it. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/**
 * A window is counted in slices of about this part of it; the one that leaves it only in part counts whole. So no window ever
 * holds more, and the longest wait is longer by one slice.
 */
const SLICES = 30;

const sliceOf = ({ per }: Rate): number => Math.max(1, Math.ceil(per / SLICES));

// In Lua: the time by Redis' clock, since those of replicas may differ; what is under way, in a sorted set of token -> until
// when; and the counts, in a hash of `slice length:slice number` -> how many. Whose lease ended is over, and counts from now on.
const WINDOWS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function field(slice, number) return string.format('%.0f:%.0f', slice, number) end
local function count(key, lengths, from, many)
  for index = from, #lengths, 2 do
    local slice = tonumber(lengths[index])
    redis.call('HINCRBY', key, field(slice, math.floor(now / slice)), many)
  end
end
local function giveUp(underWay, counts, lengths, from)
  local lost = redis.call('ZREMRANGEBYSCORE', underWay, '-inf', now)
  if lost > 0 then count(counts, lengths, from, lost) end
end
`;

// KEYS: under way, counts. ARGV: token or '' to look only, lease, how long counts are kept, then per rate the length of its
// slices, how many may be in a window, how many slices that is. Result: {when to ask again or '0', now, 1 where
// it is full even without what is under way}. Atomic, so that all
// replicas together take no more than is allowed. One counts from when it is let through until a window after it was over; it
// arrives in between, so no window of arrivals holds more either.
const take = defineScript(`${WINDOWS}
local counts, lengths, till, full = {}, {}, 0, 0
for at = 4, #ARGV, 3 do lengths[#lengths + 1] = ARGV[at] lengths[#lengths + 1] = '' end
giveUp(KEYS[1], KEYS[2], lengths, 1)
local raw = redis.call('HGETALL', KEYS[2])
for index = 1, #raw, 2 do counts[raw[index]] = tonumber(raw[index + 1]) end
local underWay = redis.call('ZCARD', KEYS[1])
for at = 4, #ARGV, 3 do
  local slice, max, slices = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local current, sum, free = math.floor(now / slice), underWay, 0
  local prefix = string.format('%.0f:', slice)
  for key, many in pairs(counts) do
    if string.sub(key, 1, #prefix) == prefix then
      if current - tonumber(string.sub(key, #prefix + 1)) > slices then redis.call('HDEL', KEYS[2], key)
      else sum = sum + many end
    end
  end
  local counted = sum - underWay
  for age = slices, 0, -1 do
    if sum < max then break end
    local many = counts[field(slice, current - age)] or 0
    sum = sum - many
    if many > 0 then free = (current - age + slices + 1) * slice end
  end
  -- Those under way fill it: none of them is over before now.
  if sum >= max then free = (current + slices + 1) * slice end
  if counted >= max then full = 1 end
  till = math.max(till, free)
end
if till == 0 and ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {string.format('%.0f', till), string.format('%.0f', now), full}`);

// KEYS: as above. ARGV: token, how long counts are kept, then the length of each rate's slices, each followed by ''. Result: 1, or
// 0 where its lease had ended: then it was counted already. Atomic, so that it counts once.
const end = defineScript(`${WINDOWS}
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
count(KEYS[2], ARGV, 3, 1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`);

// KEYS: under way. ARGV: lease, tokens. One that was given up does not come back. Result: 1.
const renew = defineScript(`
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', till, ARGV[index]) end
return 1`);

/** Counts outlive the longest window and every lease by a little. */
const keptFor = (rates: Rate[]): number => Math.max(...rates.map(({ per }) => per)) * 1.1 + 2 * LEASE_MS;

/** @param deps.replica makes tokens that no other process makes */
export const createRates = (deps: { redis: Redis; now: () => number; replica: string }): Rates => {
  const { redis } = deps;
  const underWay = new Map<string, Set<string>>();
  let made = 0;

  const keysOf = (key: string): string[] => [`${key}:under-way`, key];
  const argsOf = (rates: Rate[]): number[] =>
    rates.flatMap((rate) => [sliceOf(rate), rate.max, Math.ceil(rate.per / sliceOf(rate))]);
  const ask = async (key: string, rates: Rate[], token: string): Promise<Full | undefined> => {
    const args = [token, LEASE_MS, Math.ceil(keptFor(rates)), ...argsOf(rates)];
    const [till, now, full] = (await take(redis, keysOf(key), args)) as [string, string, number];
    if (till === '0') return undefined;
    return { until: deps.now() + Number(till) - Number(now), underWay: full === 0 };
  };

  const renewal = setInterval(() => {
    for (const [key, tokens] of underWay)
      renew(redis, [`${key}:under-way`], [LEASE_MS, ...tokens]).catch(() => undefined);
  }, RENEW_MS);
  renewal.unref();

  const passage = (key: string, token: string, rates: Rate[]): Passage => {
    const mine = underWay.get(key) ?? new Set();
    underWay.set(key, mine.add(token));
    /** Once; what cannot be said now counts when its lease ends. */
    const once = (say: () => Promise<unknown>) => (): void => {
      if (!mine.delete(token)) return;
      if (mine.size === 0) underWay.delete(key);
      say().catch(() => undefined);
    };
    const slices = rates.flatMap((rate) => [sliceOf(rate), '']);
    return {
      end: once(() => end(redis, keysOf(key), [token, Math.ceil(keptFor(rates)), ...slices])),
      cancel: once(() => redis.zrem(`${key}:under-way`, token)),
    };
  };

  return {
    async take(key, rates) {
      if (rates.length === 0) return { end: () => undefined, cancel: () => undefined };
      const token = `${deps.replica}:${made++}`;
      return (await ask(key, rates, token)) ?? passage(key, token, rates);
    },
    read: async (key, rates) => (rates.length === 0 ? undefined : (await ask(key, rates, ''))?.until),
    stop: () => clearInterval(renewal),
  };
};
