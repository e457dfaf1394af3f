// Contents that were claimed for emails that are not there: whoever claimed them was killed before he used them.
import { contentNeeds, type ContentRefs } from '../../store/contents/content-refs';
import type { Redis } from '../../store/redis/redis';
import { idTime, isEmailId } from '../layout/email-id';
import type { EmailQueue } from '../layout/queues';
import { TOMBSTONE_KEPT_S } from '../layout/tombstones';

export interface OrphanedContentsDeps {
  redis: Redis;
  refs: ContentRefs;
  removeContent: (contentId: string) => Promise<void>;
  now: () => number;
}

/** Nobody comes back with the key of an email that was never added after this, ms. */
const ABANDONED_MS = TOMBSTONE_KEPT_S * 1_000;

/** @returns lets go of those of one queue, and says how many there were */
export const createDropOrphanedContents = ({ redis, refs, removeContent, now }: OrphanedContentsDeps) => {
  const isOld = (id: string): boolean => isEmailId(id) && idTime(id) < now() - ABANDONED_MS;

  return async (queue: EmailQueue): Promise<number> => {
    let dropped = 0;
    for await (const needs of contentNeeds(redis, queue.address)) {
      const old = needs.filter(({ member }) => isOld(member));
      const { job, removal } = queue.keys;
      const found = await Promise.all(old.map(({ member }) => redis.exists(job(member), removal(member))));
      const gone = old.filter((_, index) => found[index] === 0);
      for (const { member, contentId } of gone) await refs.release(queue.address, member, [contentId], removeContent);
      dropped += gone.length;
    }
    return dropped;
  };
};
