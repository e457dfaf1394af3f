// Writes what an ended email leaves behind: its last attempt, and when it has to go.
import type { LogLine } from '../../mail/outcome';
import { defineScript } from '../../store/script';
import type { Redis } from '../../store/redis';
import type { EmailQueue } from '../queues';

// KEYS: the job, its log, upkeep. ARGV: id, when to remove it, the line or ''. Result: 1 where its removal is the next thing
// that has to be done in the queue, else 0. Atomic, so that a log is never left without its job.
const record = defineScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[3] ~= '' then redis.call('RPUSH', KEYS[2], ARGV[3]) end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[1] and 1 or 0`);

/**
 * @param removeAt ms since 1970
 * @returns whether the installation has to be told of it (`KEYS.upkeep`): what is due before was told when it came
 */
export const recordEnd = async (
  redis: Redis,
  queue: EmailQueue,
  id: string,
  removeAt: number,
  line: LogLine | undefined,
): Promise<boolean> => {
  const { keys } = queue;
  const written = line === undefined ? '' : JSON.stringify(line);
  return (await record(redis, [keys.job(id), keys.log(id), keys.upkeep], [id, removeAt, written])) === 1;
};
