// Emails by cause: entered by the script that ends or defers one unsent, left by the script that brings it on its way.
import { createHash } from 'node:crypto';
import { coarseCause, type Cause } from '../../mail/email/cause';
import { BESIDE } from '../../store/redis/keys';
import { MARK } from '../layout/marks';

/** What the names of causes are made of (base32hex, RFC 4648 section 7). */
const DIGITS = '0123456789abcdefghijklmnopqrstuv';
const NAME_DIGITS = 12;
/** Causes of one queue; more have no words of their own. Each has three fields, or four. */
const MOST_FIELDS = 3 * 500;

/** Further replies of one email that are taken, and characters of those that are kept of a cause; of one with more any may be. */
const MOST_ALSO = 20;
const LONGEST_ALSO = 400;
/** Stands for all replies. */
export const ANY_REPLY = '*';

/** The name of a cause: the same in every queue, and at all times. */
export const causeName = (cause: Cause): string => {
  const { code, reply = '', transport = '', template = '', line = '', text } = cause;
  const hash = createHash('sha256')
    .update(JSON.stringify([code, reply, transport, template, line, text]))
    .digest();
  return `i_${Array.from(hash.subarray(0, NAME_DIGITS), (byte) => DIGITS.charAt(byte & 31)).join('')}`;
};

/** A cause as the scripts take it: itself, and what stands for it where there are too many; `''` where there is none. */
export const causeArgument = (cause: Cause | undefined): string => {
  if (cause === undefined) return '';
  const { also = [], ...told } = cause;
  return JSON.stringify([
    ...[told, coarseCause(told)].flatMap((one) => [causeName(one), JSON.stringify(one)]),
    ...also.slice(0, MOST_ALSO),
  ]);
};

/**
 * In Lua: `enterCause` enters an email under what `causeArgument` gave, instead of where it stands; `leaveCause` takes it out. With its
 * last email a cause goes. An email that never failed has no field of it, and costs nothing.
 */
export const CAUSES = `
local function causeMember(cause, id)
  local digits = '${DIGITS}'
  return cause .. '\\0' .. (string.gsub(string.sub(id, 3), '%w', function(digit)
    local at = string.find(digits, digit, 1, true)
    return at and string.sub(digits, 33 - at, 33 - at)
  end))
end
local function leaveCause(prefix, id)
  local cause = redis.call('HGET', prefix .. id, '${MARK.cause}')
  if not cause then return end
  redis.call('HDEL', prefix .. id, '${MARK.cause}')
  redis.call('ZREM', prefix .. '${BESIDE.byCause}', causeMember(cause, id))
  if redis.call('ZLEXCOUNT', prefix .. '${BESIDE.byCause}', '[' .. cause .. '\\0', '(' .. cause .. '\\1') == 0 then
    redis.call('HDEL', prefix .. '${BESIDE.causes}', cause, cause .. ':first', cause .. ':last', cause .. ':also')
  end
end
local function enterCause(prefix, id, given, at)
  if given == '' then return leaveCause(prefix, id) end
  local causes, now = prefix .. '${BESIDE.causes}', tonumber(at)
  local decoded = cjson.decode(given)
  local cause, text, coarse, coarseText = unpack(decoded, 1, 4)
  if redis.call('HLEN', causes) >= ${MOST_FIELDS} and redis.call('HEXISTS', causes, cause) == 0 then
    cause, text = coarse, coarseText
  end
  if redis.call('HGET', prefix .. id, '${MARK.cause}') ~= cause then
    leaveCause(prefix, id)
    redis.call('HSET', prefix .. id, '${MARK.cause}', cause)
    redis.call('ZADD', prefix .. '${BESIDE.byCause}', 0, causeMember(cause, id))
  end
  redis.call('HSETNX', causes, cause, text)
  local first, last = unpack(redis.call('HMGET', causes, cause .. ':first', cause .. ':last'))
  if not first or now < tonumber(first) then redis.call('HSET', causes, cause .. ':first', at) end
  if not last or now > tonumber(last) then redis.call('HSET', causes, cause .. ':last', at) end
  if #decoded == 4 then return end
  local also = redis.call('HGET', causes, cause .. ':also') or '|'
  local before = also
  for position = 5, #decoded do
    local one = #also > ${LONGEST_ALSO} and '${ANY_REPLY}' or decoded[position]
    if not string.find(also, '|' .. one .. '|', 1, true) then also = also .. one .. '|' end
  end
  if also ~= before then redis.call('HSET', causes, cause .. ':also', also) end
end
`;
