// The scripts that move deliveries of a webhook. All its keys lie in its tenant's slot, beside the registry of webhooks.
import { tenantKeys } from '../redis/keys';
import { webhookKeys } from './webhook-keys';
import type { Redis } from '../redis/redis';
import { defineScript, type ScriptArgument } from '../redis/script';

/** Deliveries that wait for one webhook; further events stay in their stream until some are done with. */
export const MOST_WAITING = 5_000;
/** Of those that are done with so many are kept, and so long, ms. */
const MOST_DONE = 1_000;
export const DONE_WITH_MS = 7 * 24 * 3_600_000;
/** A delivery that was taken is due again after this, ms: whoever took it is gone. Longer than any attempt takes. */
const CLAIM_MS = 15_000;

// KEYS of all: the registry of webhooks, then those of `webhookKeys`.
const NAMES = `
local registry, state, deliveries, waiting, done, due, lanes = unpack(KEYS)
`;

const inSlot =
  (lua: string) =>
  async (redis: Redis, tenant: string, name: string, args: ScriptArgument[]): Promise<unknown> => {
    const { state, deliveries, waiting, done, due, lanes } = webhookKeys(tenant, name);
    return scriptOf(lua)(redis, [tenantKeys(tenant).webhooks, state, deliveries, waiting, done, due, lanes], args);
  };

const scripts = new Map<string, ReturnType<typeof defineScript>>();
const scriptOf = (lua: string): ReturnType<typeof defineScript> => {
  const known = scripts.get(lua) ?? defineScript(NAMES + lua);
  scripts.set(lua, known);
  return known;
};

// ARGV: name, position of the last event that was looked at, now, then for each: position, id, lane, record. Result: how many were new, or
// -1 where too many would wait. Atomic: an event has its delivery exactly when the position says so, and one of an email that has
// others waiting comes behind them.
export const addDeliveries = inSlot(`
local function parts(position)
  local ms, number = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end
if redis.call('HEXISTS', registry, ARGV[1]) == 0 then return 0 end
local ms, number = parts(redis.call('HGET', state, 'cursor') or '0-0')
local function isLater(position)
  local otherMs, otherNumber = parts(position)
  return otherMs > ms or otherMs == ms and otherNumber > number
end
if #ARGV > 3 and redis.call('ZCARD', waiting) + (#ARGV - 3) / 4 > ${MOST_WAITING} then return -1 end
local added = 0
for index = 4, #ARGV, 4 do
  local position, id, lane, record = unpack(ARGV, index, index + 3)
  if isLater(position) then
    redis.call('HSET', deliveries, id, record)
    redis.call('ZADD', waiting, 0, id)
    local others = redis.call('HGET', lanes, lane)
    if others then
      redis.call('HSET', lanes, lane, others .. ' ' .. id)
    else
      redis.call('HSET', lanes, lane, id)
      redis.call('ZADD', due, ARGV[3], id)
    end
    added = added + 1
  end
end
if isLater(ARGV[2]) then redis.call('HSET', state, 'cursor', ARGV[2]) end
return added`);

// ARGV: name, now, how many. Result: when the next one is due or '', until when those that follow are taken, their records.
// Atomic, so that of two senders each takes others.
export const claimDue = inSlot(`
if redis.call('HEXISTS', registry, ARGV[1]) == 0 then return { '' } end
local untilThen = string.format('%.0f', ARGV[2] + ${CLAIM_MS})
local records = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local record = redis.call('HGET', deliveries, id)
  if record then
    redis.call('ZADD', due, untilThen, id)
    records[#records + 1] = record
  else
    redis.call('ZREM', due, id)
  end
end
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { first[2] or '', untilThen, unpack(records) }`);

const TIDY = `
local function forget(ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', done, id)
    redis.call('HDEL', deliveries, id)
  end
end
local function tidy(oldest)
  forget(redis.call('ZRANGEBYLEX', done, '-', '(' .. oldest))
  forget(redis.call('ZRANGE', done, 0, -${MOST_DONE + 1}))
end
`;

// ARGV: name, id, lane, record, until when it was taken, when it is sent again or '' where it has ended, now, 'taken', 'failed' or ''
// where nothing follows for the webhook, the oldest id that is kept. Result: since when the webhook fails, 0 where it does not, -1
// where it was taken by somebody else or is gone. Atomic: the next delivery of its email is due exactly when this one has ended.
export const settleClaimed = inSlot(`${TIDY}
local name, id, lane, record, claim, nextAt, now, how, oldest = unpack(ARGV)
if redis.call('HEXISTS', registry, name) == 0 then return -1 end
if tonumber(redis.call('ZSCORE', due, id) or '0') ~= tonumber(claim) then return -1 end
redis.call('HSET', deliveries, id, record)
if nextAt ~= '' then
  redis.call('ZADD', due, nextAt, id)
else
  redis.call('ZREM', due, id)
  redis.call('ZREM', waiting, id)
  redis.call('ZADD', done, 0, id)
  local others = redis.call('HGET', lanes, lane) or ''
  local first, rest = string.match(others, '^(%S+) ?(.*)$')
  if first == id then
    if rest == '' then
      redis.call('HDEL', lanes, lane)
    else
      redis.call('HSET', lanes, lane, rest)
      redis.call('ZADD', due, now, string.match(rest, '^%S+'))
    end
  end
  tidy(oldest)
end
if how == 'taken' then
  redis.call('HDEL', state, 'failing')
  redis.call('HSET', state, 'delivered', now)
elseif how == 'failed' then
  redis.call('HSETNX', state, 'failing', now)
end
return tonumber(redis.call('HGET', state, 'failing') or '0')`);

// ARGV: name, id, the record that it must have, the new one, now. Result: 1, or 0 where it has another one by now. Atomic, so that what an
// attempt finds out at the same moment is not lost.
export const againNow = inSlot(`
local name, id, before, after, now = unpack(ARGV)
if redis.call('HGET', deliveries, id) ~= before then return 0 end
redis.call('HSET', deliveries, id, after)
if redis.call('ZREM', done, id) == 1 then
  redis.call('ZADD', waiting, 0, id)
  redis.call('ZADD', due, now, id)
else
  redis.call('ZADD', due, 'XX', now, id)
end
return 1`);

// ARGV: the oldest id that is kept. Result: 1. Atomic, so that no record stays without its id.
export const tidyDone = inSlot(`${TIDY}
tidy(ARGV[1])
return 1`);
