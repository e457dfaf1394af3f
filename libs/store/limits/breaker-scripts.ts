// What Redis does of a breaker, each in one step (breaker.ts).
import { defineScript } from '../redis/script';

// KEYS: breaker, probe, in flight. ARGV: now, token, lease, soon, longest wait. Result: {'go' | 'probe' | 'wait', until, where it waits
// for others 'recovering'}. Atomic, so that of all replicas one probes, and no more go than are allowed.
export const permit = defineScript(`
local state, openUntil, allowed = unpack(redis.call('HMGET', KEYS[1], 'state', 'openUntil', 'allowed'))
local now = tonumber(ARGV[1])
if not state then return {'go', '0'} end
if state == 'open' then
  -- A time further ahead than any wait was given by a clock that has been put back since.
  local left = tonumber(openUntil) - now
  if left > 0 and left <= tonumber(ARGV[5]) then return {'wait', openUntil} end
  if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return {'probe', '0'} end
  return {'wait', tostring(now + 4 * tonumber(ARGV[4]))}
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
if redis.call('ZCARD', KEYS[3]) >= tonumber(allowed) then return {'wait', tostring(now + tonumber(ARGV[4])), state} end
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return {'go', '1'}`);

// KEYS: probe, in flight. ARGV: now, token, lease. Result: none. Atomic, so that only what is still this worker's is renewed.
export const renew = defineScript(`
if redis.call('GET', KEYS[1]) == ARGV[2] then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  redis.call('ZADD', KEYS[2], ARGV[1] + ARGV[3], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end`);

// KEYS: breaker, probe, in flight, the tenant's outbox. ARGV: now, token, '1' if a probe, '1' if a fault, email, threshold, first wait, longest
// wait, well again, words of the fault, what whoever listens is told when it opens and when it closes, or ''. Result: {change, counted, until}. Atomic, so that faults of all replicas are counted once.
export const report = defineScript(`
local now, probe, fault = tonumber(ARGV[1]), ARGV[3] == '1', ARGV[4] == '1'
local state, faults, last, opens, openUntil, allowed =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'faults', 'last', 'opens', 'openUntil', 'allowed'))
redis.call('ZREM', KEYS[3], ARGV[2])
if probe and redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end
local function open(change)
  local count = tonumber(opens or '0') + 1
  local wait = math.min(tonumber(ARGV[7]) * 2 ^ (count - 1), tonumber(ARGV[8]))
  redis.call('HSET', KEYS[1], 'state', 'open', 'opens', count, 'openUntil', now + wait)
  redis.call('HSETNX', KEYS[1], 'since', now)
  redis.call('DEL', KEYS[3])
  if change == 'opened' and ARGV[11] ~= '' then redis.call('XADD', KEYS[4], '*', 'e', ARGV[11]) end
  return {change, change == 'opened' and 1 or 0, tostring(now + wait)}
end
if not state then
  if not fault then redis.call('DEL', KEYS[1]) return {'none', 0, ''} end
  if last ~= ARGV[5] then faults = redis.call('HINCRBY', KEYS[1], 'faults', 1) end
  redis.call('HSET', KEYS[1], 'last', ARGV[5], 'words', ARGV[10])
  redis.call('EXPIRE', KEYS[1], 3600)
  if tonumber(faults) < tonumber(ARGV[6]) then return {'none', 1, ''} end
  redis.call('PERSIST', KEYS[1])
  return open('opened')
end
if fault then
  if state == 'open' and not probe then return {'none', 0, openUntil} end
  redis.call('HSET', KEYS[1], 'words', ARGV[10])
  return open('reopened')
end
if state == 'open' then
  redis.call('HSET', KEYS[1], 'state', 'recovering', 'allowed', 2)
  return {'recovering', 0, ''}
end
local more = tonumber(allowed) * 2
if more >= tonumber(ARGV[9]) then
  redis.call('DEL', KEYS[1], KEYS[3])
  if ARGV[12] ~= '' then redis.call('XADD', KEYS[4], '*', 'e', ARGV[12]) end
  return {'closed', 0, ''}
end
redis.call('HSET', KEYS[1], 'allowed', more)
return {'none', 0, ''}`);

// KEYS: as above. ARGV: what whoever listens is told where it was down, or ''. Result: 1. Atomic, so that nobody is told of what has not come.
export const forget = defineScript(`
local down = redis.call('HEXISTS', KEYS[1], 'state') == 1
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
if down and ARGV[1] ~= '' then redis.call('XADD', KEYS[4], '*', 'e', ARGV[1]) end
return 1`);
