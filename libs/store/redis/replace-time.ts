// Replaces the time of a queue in an index of the installation, if nobody else has replaced it.
import { defineScript } from './script';

// KEYS: a sorted set of queues by time. ARGV: queue, the new time or '' to take it away, the time that it must have or ''.
// Result: 1 where it was replaced. Atomic, so that an announcement that came meanwhile stays.
export const replaceTime = defineScript(`
if ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[3] then return 0 end
if ARGV[2] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
return 1`);
