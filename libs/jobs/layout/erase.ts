// Takes away every trace of an email but its job: index entries, contents; leaves a sign that it once was.
import { contentIdsOf, type StoredEmail, type StoredRaw } from '../../mail/email/stored-email';
import type { QueueAddress } from '../../mail/address/queue-address';
import type { Clock } from '../../runtime/clock';
import type { Redis } from '../../store/redis/redis';
import { setTombstone } from './tombstones';
import { leaveIndexes } from './index-entries';
import type { EmailQueue } from './queues';

export interface Erase {
  /**
   * May be repeated, also from the middle: the entries that lead to the email go last. Called while its job is in work or
   * being removed (`RemoveEmail`), so that a crash in between leaves something to go on with.
   * @param archive its archived message
   */
  (queue: EmailQueue, id: string, email: StoredEmail, archive: StoredRaw | undefined): Promise<void>;
}

export const createErase =
  (deps: {
    redis: Redis;
    clock: Clock;
    /** Lets go of contents that an email needed. */
    releaseContent: (address: QueueAddress, id: string, contentIds: string[]) => Promise<void>;
  }): Erase =>
  async (queue, id, email, archive) => {
    await setTombstone(deps.redis, queue.keys, id);
    const archived = archive === undefined ? [] : [archive.contentId];
    await deps.releaseContent(queue.address, id, [...contentIdsOf(email), ...archived]);
    await leaveIndexes(deps.redis, queue.keys, id, email);
  };
