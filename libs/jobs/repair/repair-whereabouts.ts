// Enters in which queues emails may be found where earlier versions did not, and takes away what leads to nothing any more.
import { parseQueueName } from '../../mail/address/queue-address';
import { KEYS, queueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { idBound, idTime } from '../layout/email-id';
import { memberId, SEPARATOR } from '../layout/index-entries';
import { enterSlice, EVERY_SIGN, memberSigns, sliceBegin, sliceOf } from '../layout/whereabouts';
import type { EmailQueue } from '../layout/queues';

/** Signs of so many members of the index by address are entered one by one; of more, all. */
const FEW = 1_000;
const CHUNK = 500;
/** Once everything was entered, only what an older version may have added lately is looked for. */
const LATELY_MS = 86_400_000;

/** The newest email of each slice of time that the queue has emails of, ms since 1970; the newest first. */
const newestOfSlices = async (redis: Redis, { keys }: EmailQueue, since: number): Promise<number[]> => {
  const times: number[] = [];
  for (let max = '+'; ;) {
    const [id] = await redis.zrevrangebylex(keys.byTime, max, `[${idBound(since)}`, 'LIMIT', 0, 1);
    if (id === undefined) return times;
    times.push(idTime(id));
    max = `(${idBound(sliceBegin(sliceOf(idTime(id))))}`;
  }
};

/** Looks at the indexes alone, and at few of their entries. @param now ms since 1970 */
export const enterWhereabouts = async (redis: Redis, queue: EmailQueue, now: number): Promise<void> => {
  const isWhole = (await redis.exists(KEYS.whereaboutsWhole)) === 1;
  const members = await redis.zrange(queue.keys.byAddress, 0, String(FEW));
  const isMany = members.length > FEW;
  const bits = !isMany ? members.flatMap(memberSigns) : isWhole ? [] : EVERY_SIGN;
  const times = await newestOfSlices(redis, queue, isWhole ? now - LATELY_MS : 0);
  if (times.length === 0 && bits.length > 0) times.push(idTime(memberId(members[0] ?? '')));
  for (const [index, time] of times.entries()) await enterSlice(redis, queue, time, index === 0 ? [...bits] : []);
};

/** From now on lists over many queues ask only those that are entered. */
export const declareWhole = async (redis: Redis): Promise<void> => {
  await redis.set(KEYS.whereaboutsWhole, 1);
};

const applicationOf = (entry: string): [prefix: string, name: string] => {
  const at = entry.indexOf(SEPARATOR);
  return [entry.slice(0, at + 1), entry.slice(at + 1)];
};

/** When the oldest email of a queue was accepted, ms since 1970; Infinity where it has none. */
const oldestOf = async (redis: Redis, name: string): Promise<number> => {
  const address = parseQueueName(name);
  const [id] = address === undefined ? [] : await redis.zrange(queueKeys(address).byTime, 0, '0');
  return id === undefined ? Infinity : idTime(id);
};

/**
 * Takes away entries of slices that are older than all that their queue holds.
 * @param now ms since 1970; what was entered in the last slices stays, since its emails may be under way
 * @returns how many
 */
export const tidyWhereabouts = async (redis: Redis, now: number, signal: AbortSignal): Promise<number> => {
  const oldest = new Map<string, number>();
  const before = sliceBegin(sliceOf(now) - 1);
  let removed = 0;
  for (let from = 0; !signal.aborted;) {
    const entries = await redis.zrangebyscore(KEYS.slices, '-inf', `(${before}`, 'LIMIT', from, CHUNK);
    if (entries.length === 0) break;
    for (const entry of entries) {
      const [prefix, name] = applicationOf(entry);
      const known = oldest.get(name) ?? (await oldestOf(redis, name));
      oldest.set(name, known);
      const slice = parseInt(prefix, 36);
      const address = parseQueueName(name);
      if (known < sliceBegin(slice + 1)) {
        from++;
        continue;
      }
      if (address !== undefined) await redis.zrem(KEYS.slicesOf(address.tenant), prefix + address.application);
      await redis.zrem(KEYS.slices, entry);
      removed++;
    }
  }
  return removed;
};
