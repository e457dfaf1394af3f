// The scripts behind the rights to connections: taking one, renewing them, and using fewer after a server refused one.
import { defineScript } from '../redis/script';

/** The keys of one transport: rights, and how far its connections are lowered. */
export interface RightsKeys {
  rights: string;
  lowered: string;
}

/** What a refused connection came to. */
export interface Lowered {
  /** Connections of the transport that others have open. With none, it is not for their number that the server refuses. */
  others: number;
  /** So many are used from now on. */
  most: number;
  /** Whether that is fewer than before. */
  changed: boolean;
}

const TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

// What is allowed at present: what the transport allows (-1 for any number), or less where it was lowered and has not risen.
const ALLOWED = `
local function allowed(most)
  local lowered, since = unpack(redis.call('HMGET', KEYS[2], 'most', 'since'))
  if not lowered then return most end
  local present = tonumber(lowered) + math.floor((now - tonumber(since)) / tonumber(ARGV[2]))
  return (most < 0 or present < most) and present or most
end`;

// KEYS: rights, a sorted set of token -> until when; lowered. ARGV: token, rise, most or -1, lease. Result: 1, 0 where none is
// left, 2 where none is needed. Atomic, so that no two replicas take the last one; by Redis' own clock, since theirs may
// differ.
export const takeRight = defineScript(`${TIME}${ALLOWED}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local most = allowed(tonumber(ARGV[3]))
if most < 0 then return 2 end
if redis.call('ZCARD', KEYS[1]) >= most then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`);

// KEYS: rights. ARGV: lease, tokens. Result: tokens that were given up meanwhile; they do not come back.
export const renewRights = defineScript(`${TIME}
local till = now + ARGV[1]
local gone = {}
for index = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[index]) then redis.call('ZADD', KEYS[1], till, ARGV[index])
  else gone[#gone + 1] = ARGV[index] end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return gone`);

// KEYS: rights. ARGV: lease, tokens. Result: none. For connections that were opened before the transport's were counted: they
// are there, whatever is allowed. One step, so that the set never outlives its members' leases.
export const adoptRights = defineScript(`${TIME}
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`);

// KEYS: rights, lowered. ARGV: token or '', rise, most or -1, connections that this replica has open, how long it is kept, the
// server's words. Result: {connections of others, what is allowed now, 1 where that is less than before}. Where there are none,
// nothing is lowered, and what was is forgotten: the number is not what the server minds. Atomic, so that
// refusals that come together each count those that are still open, and the last one finds how many the server takes.
export const lower = defineScript(`${TIME}${ALLOWED}
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local others = math.max(redis.call('ZCARD', KEYS[1]), tonumber(ARGV[4]))
local before = allowed(tonumber(ARGV[3]))
if others == 0 then redis.call('DEL', KEYS[2]) return {0, 1, 0} end
local most = before < 0 and others or math.min(before, others)
redis.call('HSET', KEYS[2], 'most', most, 'since', now, 'words', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {others, most, (before < 0 or most < before) and 1 or 0}`);
