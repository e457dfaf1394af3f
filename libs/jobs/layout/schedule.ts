// Tells the fleet which queue has work and when: one sorted set for the installation, and a call for those asleep.
import { CHANNELS, KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { replaceTime } from '../../store/redis/replace-time';
import { defineScript } from '../../store/redis/script';
import { countListeners } from '../../store/servers/each-server';

/** Due whatever the clocks say: those of the API and of the workers may differ. */
export const DUE_NOW = 0;

export interface ScheduleLook {
  queues: string[];
  /** After how long the next queue that is not yet due will be, ms. */
  nextIn?: number;
}

export interface Schedule {
  /**
   * This queue has work at `at` (ms since 1970, or `DUE_NOW`). Whoever adds calls it before, so that a crash in between leaves a queue that is
   * looked at for nothing, not one that nobody looks at; and again after, because a worker that found it empty meanwhile
   * took the first announcement away.
   * @param upkeepAt when its earliest email expires or has to go, where that is known to have changed
   */
  announce(queue: string, at: number, upkeepAt?: number): Promise<void>;
  /** Will a worker look at this queue at `at` (ms), or before? */
  isAnnounced(queue: string, at: number): Promise<boolean>;
  /**
   * What is due by Redis' clock, and when the next queue will be.
   * @param most queues at most; where more are due, each tenant has some among them
   * @param from 0 to 1: where to read on behind the first ones, where very many are due
   */
  look(most: number, from: number): Promise<ScheduleLook>;
  /** How many workers hear the calls. */
  listeners(): Promise<number>;
  /**
   * After a look at a queue: when to look again.
   * @param instead only where the queue is still announced for this time (ms): nobody has announced it for another since
   */
  lookAgain(queue: string, at: number, instead?: number): Promise<void>;
  /** A limit holds what waits there until `at` (ms since 1970). */
  stopUntil(queue: string, at: number): Promise<void>;
  /** Nothing is to be done there; with `announcedFor` only where nobody has announced it for another time since. */
  forget(queue: string, announcedFor?: number): Promise<void>;
}

// In the same call, since whoever adds emails announces both: the work, and the upkeep as upkeep-index.ts says.
// KEYS: due, upkeep. ARGV: queue, when due, channel, when upkeep is due or ''. Result: 1 where the queue became due
// earlier than known. Atomic, so that a call goes out exactly when the set changed.
const announce = defineScript(`
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[2], 'LT', ARGV[4], ARGV[1]) end
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) <= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[1] .. ' ' .. ARGV[2])
return 1`);

/**
 * How many due queues a look reads at most: those that have been due the longest, and as many again from anywhere behind them,
 * so that each is read sooner or later however many there are.
 */
const READ_AT_MOST = 5_000;

// KEYS: due. ARGV: how many queues at most, how many are read, where behind those is read on (0 to 1).
// Result: {after how many ms the next one is due or '', queues that are due}: where more are due than are asked for, each tenant's
// first, then each tenant's second, and so on; the tenant is what is before the first dot. Atomic, and by Redis' own clock: those
// of the workers may differ, and may be set.
const lookNow = defineScript(`
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local next = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
local most, read = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, most)
if #due == most then
  local tenants, queues, longest = {}, {}, 0
  local function sort(names)
    for _, name in ipairs(names) do
      local tenant = string.match(name, '^[^.]*')
      if not queues[tenant] then
        queues[tenant] = {}
        tenants[#tenants + 1] = tenant
      end
      table.insert(queues[tenant], name)
      longest = math.max(longest, #queues[tenant])
    end
  end
  sort(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, read))
  local behind = redis.call('ZCOUNT', KEYS[1], '-inf', now) - read
  if behind > 0 then
    sort(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', read + math.floor(behind * ARGV[3]), read))
  end
  due = {}
  for nth = 1, longest do
    for _, tenant in ipairs(tenants) do
      if #due == most then break end
      due[#due + 1] = queues[tenant][nth]
    end
  end
end
return {next and string.format('%.0f', math.ceil(tonumber(next) - now)) or '', due}`);

/**
 * A time that a limit gave ends in half a millisecond, every other one is whole: so a queue whose emails wait for a limit
 * is told from one that nobody was told of (`forgotten.ts`).
 */
const BY_LIMIT = 0.5;

export const isStopped = (announcedFor: number): boolean => announcedFor % 1 === BY_LIMIT;

export const createSchedule = (redis: Redis): Schedule => ({
  async announce(queue, at, upkeepAt) {
    await announce(redis, [KEYS.due, KEYS.upkeep], [queue, Math.floor(at), CHANNELS.wake, upkeepAt ?? '']);
  },
  async isAnnounced(queue, at) {
    const score = await redis.zscore(KEYS.due, queue);
    // A queue with emails in work is looked at every few seconds: its announcement may be a little ahead.
    return score !== null && Number(score) <= at + 10_000;
  },
  async look(most, from) {
    const [nextIn, queues] = (await lookNow(redis, [KEYS.due], [most, READ_AT_MOST, from])) as [string, string[]];
    return { queues, ...(nextIn !== '' && { nextIn: Number(nextIn) }) };
  },
  listeners: () => countListeners(redis, CHANNELS.wake),
  async lookAgain(queue, at, instead) {
    await replaceTime(redis, [KEYS.due], [queue, Math.floor(at), instead ?? '']);
  },
  async stopUntil(queue, at) {
    await redis.zadd(KEYS.due, Math.floor(at) + BY_LIMIT, queue);
  },
  async forget(queue, announcedFor) {
    await replaceTime(redis, [KEYS.due], [queue, '', announcedFor ?? '']);
  },
});

/** Reads a message of the wake channel. */
export const parseWake = (message: string): { queue: string; at: number } => {
  const space = message.lastIndexOf(' ');
  return { queue: message.slice(0, space), at: Number(message.slice(space + 1)) };
};
