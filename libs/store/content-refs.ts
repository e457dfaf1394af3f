// Who needs which content: the last one to let go is told to remove the bytes.
import type { QueueAddress } from '../mail/queue-address';
import { queueName } from '../mail/queue-address';
import type { Clock } from '../runtime/clock';
import { KEYS, queueKeys } from './keys';
import type { Redis } from './redis';
import { defineScript } from './script';

/** How long an upload waits for the email that names it, ms. */
export const UPLOAD_KEPT = 24 * 3_600_000;

export interface ContentRefs {
  /** An email of this queue will need these contents. Called before the bytes are written or looked for. */
  claim(address: QueueAddress, member: string, contentIds: string[]): Promise<void>;
  /** An upload that waits for its email. */
  claimUpload(address: QueueAddress, contentId: string): Promise<void>;
  /** Has this queue this content? Another queue's content is as unknown as any. */
  has(address: QueueAddress, contentId: string): Promise<boolean>;
  /** Lets go; `remove` is called for each content that nobody in the installation needs any more. */
  release(
    address: QueueAddress,
    member: string,
    contentIds: string[],
    remove: (id: string) => Promise<void>,
  ): Promise<void>;
  /** Lets go of uploads whose time is over at `until` (ms, default now). */
  releaseUploads(address: QueueAddress, remove: (id: string) => Promise<void>, until?: number | '+inf'): Promise<void>;
}

/** Stands for all uploads of one content in a queue: the same bytes uploaded twice wait once. */
const UPLOAD = 'upload';

// KEYS: the content's queues, the sign of its removal. ARGV: queue. Result: 1, or 0 while its bytes are being removed.
// Atomic, so that bytes are never removed between a claim and its use.
const claimContent = defineScript(`
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1`);

// KEYS: the content's queues, the sign of its removal. ARGV: queue. Result: 1 where the caller must remove the bytes.
const releaseContent = defineScript(`
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('SCARD', KEYS[1]) > 0 then return 0 end
redis.call('SET', KEYS[2], 1, 'PX', 60000)
return 1`);

// KEYS: the members that need a content in this queue. ARGV: member. Result: how many are left.
const releaseMember = defineScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('ZCARD', KEYS[1])`);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const createContentRefs = (deps: { redis: Redis; clock: Clock }): ContentRefs => {
  const { redis } = deps;

  const claimGlobally = async (address: QueueAddress, id: string): Promise<void> => {
    // A removal takes milliseconds; its sign expires by itself where the remover died.
    while ((await claimContent(redis, [KEYS.content(id), KEYS.contentRemoval(id)], [queueName(address)])) === 0) {
      await pause(20);
    }
  };

  const releaseOne = async (
    address: QueueAddress,
    member: string,
    id: string,
    remove: (id: string) => Promise<void>,
  ) => {
    const left = await releaseMember(redis, [queueKeys(address).content(id)], [member]);
    if (left !== 0) return;
    if ((await releaseContent(redis, [KEYS.content(id), KEYS.contentRemoval(id)], [queueName(address)])) === 0) return;
    // Whoever claimed before the sign was set is seen here; whoever comes later waits for the sign to go.
    if ((await redis.exists(queueKeys(address).content(id))) === 1)
      await redis.sadd(KEYS.content(id), queueName(address));
    else await remove(id);
    await redis.del(KEYS.contentRemoval(id));
  };

  return {
    async claim(address, member, contentIds) {
      for (const id of contentIds) {
        await redis.zadd(queueKeys(address).content(id), '+inf', member);
        await claimGlobally(address, id);
      }
    },
    async claimUpload(address, contentId) {
      const until = deps.clock.now() + UPLOAD_KEPT;
      const keys = queueKeys(address);
      await redis.zadd(keys.content(contentId), until, UPLOAD);
      await redis.zadd(keys.uploads, until, contentId);
      await redis.zadd(KEYS.upkeep, 'LT', until, queueName(address));
      await claimGlobally(address, contentId);
    },
    async has(address, contentId) {
      return (await redis.exists(queueKeys(address).content(contentId))) === 1;
    },
    async release(address, member, contentIds, remove) {
      for (const id of contentIds) await releaseOne(address, member, id, remove);
    },
    async releaseUploads(address, remove, until = deps.clock.now()) {
      const { uploads } = queueKeys(address);
      for (;;) {
        const over = await redis.zrangebyscore(uploads, '-inf', until, 'LIMIT', 0, 1_000);
        for (const id of over) {
          await releaseOne(address, UPLOAD, id, remove);
          await redis.zrem(uploads, id);
        }
        if (over.length < 1_000) return;
      }
    },
  };
};
