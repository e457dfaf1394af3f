// Remembers for a day that an email was sent or erased after its job is gone: a late repetition of its add must not send it again.
import type { QueueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';

/** Idempotency keys live 24 h, and whoever comes back with one comes within them. Seconds. */
export const TOMBSTONE_KEPT_S = 25 * 3_600;

/**
 * Redis keeps a small hash in one piece, 25 bytes an entry, where a key of its own takes a hundred. So ids lie in hashes by their
 * first digits, which are times: those of 4 minutes together, beyond this many those of 8 s, then of a quarter of a second, and then
 * spread by their last digit, and by the last two. Whether 1 email goes in a second or 10,000 in a moment, most hashes are neither
 * nearly empty nor large. A hash that is not full ends the search: nothing lies beyond it, since it lives as long as what does.
 */
const SMALL = 120;

/** In Lua: `isGone` and `setTombstone`; `base` is `QueueKeys.gone`. */
export const GONE = `
local function goneAt(base, id, level)
  if level > 3 then return base .. string.sub(id, 1, 10) .. string.sub(id, 3 - level), string.sub(id, 11, 2 - level) end
  return base .. string.sub(id, 1, 7 + level), string.sub(id, 8 + level)
end
local function isGone(base, id)
  for level = 1, 5 do
    local key, field = goneAt(base, id, level)
    local held = redis.call('HLEN', key)
    if held > 0 and redis.call('HEXISTS', key, field) == 1 then return true end
    if held < ${SMALL} then return false end
  end
  return false
end
local function setTombstone(base, id, seconds)
  if isGone(base, id) then return end
  for level = 1, 5 do
    local key, field = goneAt(base, id, level)
    local isRoom = level == 5 or redis.call('HLEN', key) < ${SMALL}
    if isRoom then redis.call('HSET', key, field, '') end
    redis.call('EXPIRE', key, seconds)
    if isRoom then return end
  end
end
`;

// KEYS: where those that are gone begin. ARGV: id. Result: 1 or 0; earlier versions had a key for each. Atomic to save round trips.
const look = defineScript(`${GONE}
return (isGone(KEYS[1], ARGV[1]) or redis.call('EXISTS', KEYS[1] .. ARGV[1]) == 1) and 1 or 0`);

// KEYS: as above. ARGV: id, how long it is remembered (s). Result: 1. Atomic, so that no hash grows beyond what is small.
const remember = defineScript(`${GONE}
setTombstone(KEYS[1], ARGV[1], ARGV[2])
return 1`);

export const isGone = async (redis: Redis, keys: QueueKeys, id: string): Promise<boolean> =>
  (await look(redis, [keys.gone], [id])) === 1;

export const setTombstone = async (redis: Redis, keys: QueueKeys, id: string): Promise<void> => {
  await remember(redis, [keys.gone], [id, TOMBSTONE_KEPT_S]);
};

/** Was an email of this id ever added to the queue? It is there, or it was sent or erased lately. */
export const wasAdded = async (redis: Redis, keys: QueueKeys, id: string): Promise<boolean> =>
  (await redis.exists(keys.job(id))) === 1 || (await isGone(redis, keys, id));
