// Takes an email's job away from everybody, unless a worker has it; what belongs to it is still to be erased.
import { BESIDE } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import { GONE, TOMBSTONE_KEPT_S } from '../layout/tombstones';
import type { EmailQueue } from '../layout/queues';
import { CAUSES } from '../traces/enter-cause';
import { LAYOUT, readRefusal, type Refusal } from '../layout/layout';

// KEYS: BullMQ's prefix, the job's key while it is removed, where those that are gone begin, upkeep, finished. ARGV: id, now, when the
// sweep goes on with the removal, how long it is remembered (s). Result: 1, or 0 missing, -1 sending. Atomic, so that no
// worker takes it meanwhile, and nobody ever finds less of it than what is needed to remove the rest.
const removeScript = defineScript(`${LAYOUT}${GONE}${CAUSES}
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id
local from = place(prefix, id)
if from == 'missing' then return 0 end
if from == 'active' then return -1 end
local _, open = marks(key)
if open and UNFINISHED[from] then return -1 end
leave(prefix, id, from)
leaveCause(prefix, id)
redis.call('DEL', key .. ':logs')
redis.call('HDEL', prefix .. '${BESIDE.sealed}', id)
redis.call('RENAME', key, KEYS[2])
setTombstone(KEYS[3], id, ARGV[4])
redis.call('ZREM', KEYS[4], id)
redis.call('ZADD', KEYS[5], ARGV[3], id)
return 1`);

/**
 * @param at.now ms since 1970
 * @param at.resumeAt when the sweep goes on, where whoever called has not (ms since 1970)
 */
export const removeJob = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  at: { now: number; resumeAt: number },
): Promise<Refusal | undefined> => {
  const { bull, removal, gone, upkeep, finished } = queue.keys;
  return readRefusal(
    await removeScript(redis, [bull, removal(id), gone, upkeep, finished], [id, at.now, at.resumeAt, TOMBSTONE_KEPT_S]),
  );
};
