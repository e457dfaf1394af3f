// Contents that were claimed for emails that are not there: whoever claimed them was killed before he used them.
import { contentNeeds, type ContentRefs } from '../../store/contents/content-refs';
import type { Redis } from '../../store/redis/redis';
import { idTime, isEmailId } from '../layout/email-id';
import type { EmailQueue } from '../layout/queues';
import { isCopyWaiting } from '../traces/archive-copies';
import { copyMember, emailOfCopy } from '../traces/archive-copy';
import { TOMBSTONE_KEPT_S } from '../layout/tombstones';

const COPY = copyMember('');

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
  const isOldCopy = (member: string): boolean =>
    member.startsWith(COPY) && isOld(emailOfCopy(member.slice(COPY.length)));

  /** What nobody needs: whoever held it for the archive was killed before he wrote that, or after the archive had it. */
  const dropCopies = async (queue: EmailQueue, needs: { member: string; contentId: string }[]): Promise<number> => {
    let dropped = 0;
    for (const { member, contentId } of needs) {
      const copyId = member.slice(COPY.length);
      // An email that is there may be at work on it.
      if ((await redis.exists(queue.keys.job(emailOfCopy(copyId)))) === 1) continue;
      if (await isCopyWaiting(redis, queue, copyId)) continue;
      await refs.release(queue.address, member, [contentId], removeContent);
      dropped++;
    }
    return dropped;
  };

  return async (queue: EmailQueue): Promise<number> => {
    let dropped = 0;
    for await (const needs of contentNeeds(redis, queue.address)) {
      const old = needs.filter(({ member }) => isOld(member));
      const { job, removal } = queue.keys;
      const found = await Promise.all(old.map(({ member }) => redis.exists(job(member), removal(member))));
      const gone = old.filter((_, index) => found[index] === 0);
      for (const { member, contentId } of gone) await refs.release(queue.address, member, [contentId], removeContent);
      dropped += gone.length;
      dropped += await dropCopies(
        queue,
        needs.filter(({ member }) => isOldCopy(member)),
      );
    }
    return dropped;
  };
};
