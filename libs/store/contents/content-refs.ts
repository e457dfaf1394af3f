// Who needs which content: the last one to let go is told to remove the bytes.
import { setTimeout as pause } from 'node:timers/promises';
import type { QueueAddress } from '../../mail/address/queue-address';
import { queueName } from '../../mail/address/queue-address';
import type { Clock } from '../../runtime/clock';
import { KEYS, queueKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import { announceUpkeep } from '../redis/upkeep-index';

/** The field of a queue's contents that holds the sum of the others. */
const TOTAL = 'total';

/** How long an upload waits for the email that names it, ms. */
export const UPLOAD_KEPT = 24 * 3_600_000;

export interface ContentRefs {
  /** An email of this queue will need these contents. Called before the bytes are written or looked for. */
  claim(address: QueueAddress, member: string, contents: Sized[]): Promise<void>;
  /** An upload that waits for its email. */
  claimUpload(address: QueueAddress, content: Sized): Promise<void>;
  /** Has this queue this content? Another queue's content is as unknown as any. */
  has(address: QueueAddress, contentId: string): Promise<boolean>;
  /** Bytes that all contents of the queues have together, each content once a queue. */
  bytesOf(queues: QueueAddress[]): Promise<number>;
  /** Bytes that these contents would add to the queue: one that it has adds none. */
  growth(address: QueueAddress, contents: Sized[]): Promise<number>;
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

/** A content and its bytes. */
interface Sized {
  contentId: string;
  size: number;
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

// KEYS: the members that need a content in this queue, the queue's contents. ARGV: member, until when (ms or +inf), content
// id, bytes. Atomic, so that a content is counted once, however many claim it.
const claimMember = defineScript(`
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('HSETNX', KEYS[2], ARGV[3], ARGV[4]) == 1 then redis.call('HINCRBY', KEYS[2], '${TOTAL}', ARGV[4]) end
return 1`);

// KEYS: as above. ARGV: member, content id. Result: how many members are left. Atomic, as above.
const releaseMember = defineScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
local left = redis.call('ZCARD', KEYS[1])
local size = left == 0 and redis.call('HGET', KEYS[2], ARGV[2])
if size then
  redis.call('HDEL', KEYS[2], ARGV[2])
  if redis.call('HINCRBY', KEYS[2], '${TOTAL}', -size) <= 0 then redis.call('DEL', KEYS[2]) end
end
return left`);

/** @param until when the member lets go, ms, or +inf */
const claimOne = async (
  redis: Redis,
  address: QueueAddress,
  member: string,
  until: number | '+inf',
  { contentId: id, size }: Sized,
): Promise<void> => {
  const keys = queueKeys(address);
  await claimMember(redis, [keys.content(id), keys.contents], [member, until, id, size]);
  // A removal takes milliseconds; its sign expires by itself where the remover died.
  while ((await claimContent(redis, [KEYS.content(id), KEYS.contentRemoval(id)], [queueName(address)])) === 0) {
    await pause(20);
  }
};

const releaseOne = async (
  redis: Redis,
  address: QueueAddress,
  member: string,
  id: string,
  remove: (id: string) => Promise<void>,
) => {
  const keys = queueKeys(address);
  const left = await releaseMember(redis, [keys.content(id), keys.contents], [member, id]);
  if (left !== 0) return;
  if ((await releaseContent(redis, [KEYS.content(id), KEYS.contentRemoval(id)], [queueName(address)])) === 0) return;
  // Whoever claimed before the sign was set is seen here; whoever comes later waits for the sign to go.
  try {
    if ((await redis.exists(queueKeys(address).content(id))) === 1)
      await redis.sadd(KEYS.content(id), queueName(address));
    else await remove(id);
  } finally {
    await redis.del(KEYS.contentRemoval(id));
  }
};

export const createContentRefs = (deps: { redis: Redis; clock: Clock }): ContentRefs => {
  const { redis } = deps;

  return {
    async claim(address, member, contents) {
      for (const content of contents) await claimOne(redis, address, member, '+inf', content);
    },
    async claimUpload(address, content) {
      const until = deps.clock.now() + UPLOAD_KEPT;
      // First what leads to it: an upload that is only entered does no harm.
      await redis.zadd(queueKeys(address).uploads, until, content.contentId);
      await announceUpkeep(redis, { name: queueName(address) }, until);
      await claimOne(redis, address, UPLOAD, until, content);
    },
    async has(address, contentId) {
      return (await redis.exists(queueKeys(address).content(contentId))) === 1;
    },
    async bytesOf(queues) {
      // No pipeline: the queues lie in different slots.
      const totals = await Promise.all(queues.map((queue) => redis.hget(queueKeys(queue).contents, TOTAL)));
      return totals.reduce((sum, total) => sum + Number(total ?? 0), 0);
    },
    async growth(address, contents) {
      const sizes = new Map(contents.map(({ contentId, size }) => [contentId, size]));
      if (sizes.size === 0) return 0;
      const known = await redis.hmget(queueKeys(address).contents, ...sizes.keys());
      return [...sizes.values()].reduce((sum, size, index) => sum + (known[index] == null ? size : 0), 0);
    },
    async release(address, member, contentIds, remove) {
      for (const id of contentIds) await releaseOne(redis, address, member, id, remove);
    },
    async releaseUploads(address, remove, until = deps.clock.now()) {
      const { uploads } = queueKeys(address);
      for (;;) {
        const over = await redis.zrangebyscore(uploads, '-inf', until, 'LIMIT', 0, 1_000);
        for (const id of over) {
          await releaseOne(redis, address, UPLOAD, id, remove);
          await redis.zrem(uploads, id);
        }
        if (over.length < 1_000) return;
      }
    },
  };
};

/** Which members need which content of a queue, uploads left out; some at a time. */
export async function* contentNeeds(
  redis: Redis,
  address: QueueAddress,
): AsyncGenerator<{ member: string; contentId: string }[]> {
  const keys = queueKeys(address);
  let cursor = '0';
  do {
    const [next, fields] = await redis.hscan(keys.contents, cursor, 'COUNT', 500);
    cursor = next;
    const ids = fields.filter((field, index) => index % 2 === 0 && field !== TOTAL);
    const members = await Promise.all(ids.map((id) => redis.zrange(keys.content(id), 0, '-1')));
    yield ids.flatMap((contentId, index) =>
      (members[index] ?? []).flatMap((member) => (member === UPLOAD ? [] : [{ member, contentId }])),
    );
  } while (cursor !== '0');
}
