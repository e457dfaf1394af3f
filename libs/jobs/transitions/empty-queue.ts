// Empties a queue that is to be deleted: its emails, its uploads, and the contents that nobody else needs.
import { contentIdsOf } from '../../mail/email/stored-email';
import { readRecords } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';
import type { Schedule } from '../layout/schedule';
import type { Clock } from '../../runtime/clock';
import type { ContentRefs } from '../../store/contents/content-refs';
import { releaseCopies } from '../traces/archive-copies';
import { talliesKeys } from '../traces/tallies';
import type { Redis } from '../../store/redis/redis';
import { defineScript } from '../../store/redis/script';
import type { RemoveEmail } from './remove-email';

export interface EmptyQueueDeps {
  redis: Redis;
  clock: Clock;
  refs: ContentRefs;
  content: { remove: (id: string) => Promise<void> };
  removal: RemoveEmail;
  schedule: Schedule;
}

const AT_ONCE = 200;

// KEYS: three sorted sets of ids. ARGV: ids. Result: 1. Atomic, so that what leads to an email goes at once.
const leaveIndexes = defineScript(`
for index = 1, 3 do redis.call('ZREM', KEYS[index], unpack(ARGV)) end
return 1`);

/**
 * May be repeated where it was interrupted: what leads to an email goes after what belongs to it.
 * @param erased is told the id of each email that is gone
 */
export const emptyQueue = async (
  { redis, clock, refs, content, removal, schedule }: EmptyQueueDeps,
  queue: EmailQueue,
  erased: (id: string) => void = () => undefined,
): Promise<void> => {
  const { keys } = queue;
  // One whose removal was interrupted may stand in the last alone.
  for (const index of [keys.byTime, keys.upkeep, keys.finished]) {
    for (;;) {
      const ids = await redis.zrange(index, 0, String(AT_ONCE - 1));
      if (ids.length === 0) break;
      for (const [position, record] of (await readRecords(redis, queue, ids)).entries()) {
        const id = ids[position] ?? '';
        if (record === undefined) await removal.resume(queue, id);
        else {
          const archived = record.archive === undefined ? [] : [record.archive.contentId];
          await refs.release(queue.address, id, [...contentIdsOf(record.email), ...archived], content.remove);
        }
      }
      await leaveIndexes(redis, [keys.byTime, keys.upkeep, keys.finished], ids);
      ids.forEach(erased);
    }
  }
  await releaseCopies({ redis, refs, removeContent: content.remove }, queue);
  await refs.releaseUploads(queue.address, content.remove, '+inf');
  await queue.bull.obliterate({ force: true });
  await redis.del(
    keys.byTime,
    keys.byAddress,
    keys.byAddressBefore,
    keys.upkeep,
    keys.finished,
    keys.uploads,
    keys.contents,
    keys.rate,
    ...keys.beside,
    ...talliesKeys(keys.bull, clock.now()),
  );
  await schedule.forget(queue.name);
};
