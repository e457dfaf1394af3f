// Where BullMQ keeps a job, in Lua: found, left and entered as BullMQ 6.7 does it (docs/decisions/0006-transitions.md).
import { ASIDE_CODES } from '../../mail/email/state';
import { BESIDE, SCORE_UNIT } from '../../store/redis/keys';
import { MARK } from './marks';
import { REMEMBER } from './email-log';

/** In Lua: the set of the state that a failed reason stands for, where it has one (`BESIDE.aside`). */
export const ASIDE = `
local ASIDE = {${ASIDE_CODES.map(([code, state]) => `['${code}'] = '${state}'`).join(', ')}}
local function asideSet(prefix, reason)
  local code = string.match(reason or '', '^([%a-]+): ')
  return code and ASIDE[code] and prefix .. '${BESIDE.aside}' .. ASIDE[code]
end
`;

/** In Lua: `place` says where a job is, BullMQ's waiting list being the place of whatever stands nowhere else: it is never searched. */
export const PLACE = `
local function place(prefix, id)
  local key = prefix .. id
  if redis.call('EXISTS', key) == 0 then return 'missing' end
  if redis.call('ZSCORE', prefix .. 'completed', id) then return 'completed' end
  if redis.call('ZSCORE', prefix .. 'failed', id) then return 'failed' end
  if redis.call('EXISTS', key .. ':lock') == 1 or redis.call('LPOS', prefix .. 'active', id) then return 'active' end
  if redis.call('ZSCORE', prefix .. 'delayed', id) then return 'delayed' end
  if redis.call('ZSCORE', prefix .. 'prioritized', id) then return 'prioritized' end
  return 'waiting'
end
`;

/**
 * In Lua, for our transitions: `place` as above; `marks` whether it was sent, and whether a worker vanished
 * while handing it over (docs/decisions/0004-marks.md); `leave` takes it out; `enter` puts it where it is due:
 * delayed by `ms * 4096`, prioritized by `priority * 2^32 + counter`, else at the end of the waiting list; its field `delay`
 * is there where it waits for its time. `leave` takes it out of the sets of `BESIDE`, too: it comes before the failed reason
 * is changed.
 * BullMQ's markers are left alone: they wake blocked workers, and none of ours blocks.
 */
export const LAYOUT = `${ASIDE}${PLACE}${REMEMBER}local function marks(key)
  local generation, intent, sent = unpack(redis.call('HMGET', key, '${MARK.generation}', '${MARK.intent}', '${MARK.sent}'))
  local open = intent and string.match(intent, '^(%d+)|') == (generation or '0')
  return sent and true or false, open and true or false
end
local function leave(prefix, id, from)
  if from == 'waiting' then redis.call('LREM', prefix .. 'wait', 1, id)
  else redis.call('ZREM', prefix .. from, id) end
  if from == 'failed' then
    local set = asideSet(prefix, redis.call('HGET', prefix .. id, 'failedReason'))
    if set then redis.call('ZREM', set, id) end
  else
    redis.call('ZREM', prefix .. '${BESIDE.putBack}', id)
    redis.call('ZREM', prefix .. '${BESIDE.deferred}', id)
  end
end
local function enterFailed(prefix, id, reason, at)
  redis.call('HSET', prefix .. id, 'failedReason', reason, 'finishedOn', at)
  redis.call('ZADD', prefix .. 'failed', at, id)
  local set = asideSet(prefix, reason)
  if set then redis.call('ZADD', set, 0, id) end
end
local function enter(prefix, id, due, now)
  local key = prefix .. id
  if due > now then
    redis.call('HSET', key, 'delay', due - now)
    redis.call('ZADD', prefix .. 'delayed', due * ${SCORE_UNIT}, id)
    return
  end
  redis.call('HDEL', key, 'delay')
  local priority = tonumber(redis.call('HGET', key, 'priority') or '0')
  if priority > 0 then
    local counter = redis.call('INCR', prefix .. 'pc')
    redis.call('ZADD', prefix .. 'prioritized', priority * 4294967296 + counter % 4294967296, id)
  else
    redis.call('LPUSH', prefix .. 'wait', id)
  end
end
local function log(prefix, id, line)
  if line ~= '' then remember(prefix .. id, line, line) end
end
local UNFINISHED = {waiting = true, prioritized = true, delayed = true}
`;

/** What a transition answers where it was not made. */
export type Refusal = 'missing' | 'sending' | 'sent' | 'wrong-state' | 'changed';

const REFUSALS: Record<number, Refusal> = {
  0: 'missing',
  [-1]: 'sending',
  [-2]: 'sent',
  [-3]: 'wrong-state',
  [-4]: 'changed',
};

/** @returns undefined where the transition was made */
export const readRefusal = (answer: unknown): Refusal | undefined => {
  if (answer === 1) return undefined;
  const refusal = REFUSALS[Number(answer)];
  if (refusal === undefined) throw new Error(`a transition answered ${String(answer)}`);
  return refusal;
};
