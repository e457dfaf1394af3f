// How much more may be accepted: what Redis has room for, and what a tenant may have waiting and stored.
import { Problem } from '../mail/input/problem';
import { uptime } from '../runtime/clock';
import type { PartInStore } from '../mail/email/stored-email';
import type { QueueAddress } from '../mail/address/queue-address';
import type { ContentRefs } from '../store/contents/content-refs';
import type { Redis } from '../store/redis/redis';
import type { Tenants } from '../store/registries/tenants';
import { countUnsent } from '../jobs/read/counts';

export interface Budget {
  /**
   * @param count emails that want in
   * @throws Problem `queue-full`
   */
  require(tenant: string, count: number): Promise<void>;
  /**
   * @param contents that the queue will need; those that it has already cost nothing
   * @param more that a worker will store as well: an archived message, whose size nobody knows yet
   * @throws Problem `content-full`
   */
  requireContent(address: QueueAddress, contents: PartInStore[], more?: boolean): Promise<void>;
}

/** What was read is believed for so long; with several API replicas each may let in so much more than allowed. ms */
const BELIEVED_MS = 1_000;

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/**
 * Keeps the last of the memory for what is under way: a worker that cannot write what it has sent would send it again.
 * @param deps.memoryShare of Redis' `maxmemory` that emails may fill, 0 to 1; a Redis without a limit has no budget
 */
export const createBudget = (deps: {
  redis: Redis;
  tenants: Tenants;
  refs: ContentRefs;
  memoryShare: number;
}): Budget => {
  const { redis, tenants, refs } = deps;
  let memory = { at: -Infinity, full: false };
  const waiting = new Map<string, { at: number; count: number }>();

  const isMemoryFull = async (): Promise<boolean> => {
    if (uptime() - memory.at < BELIEVED_MS) return memory.full;
    // Read once, however many ask meanwhile.
    memory = { ...memory, at: uptime() };
    const info = await redis.info('memory');
    const most = field(info, 'maxmemory');
    memory = { at: uptime(), full: most > 0 && field(info, 'used_memory') > most * deps.memoryShare };
    return memory.full;
  };

  const waitingOf = async (tenant: string): Promise<{ count: number }> => {
    const known = waiting.get(tenant);
    if (known !== undefined && uptime() - known.at < BELIEVED_MS) return known;
    const read = { at: uptime(), count: await countUnsent(redis, await tenants.queues(tenant)) };
    waiting.set(tenant, read);
    return read;
  };

  return {
    async require(tenant, count) {
      if (await isMemoryFull()) {
        throw new Problem(
          'queue-full',
          `Redis has used ${Math.round(deps.memoryShare * 100)} % of its memory: nothing new is accepted until emails are sent or removed; what was accepted goes out`,
        );
      }
      const most = (await tenants.tenant(tenant))?.settings.maxWaiting;
      if (most === undefined) return;
      const present = await waitingOf(tenant);
      if (present.count + count > most) {
        throw new Problem(
          'queue-full',
          `the tenant ${tenant} has ${present.count} emails waiting and may have ${most}: send ${count} more when some are sent`,
        );
      }
      present.count += count;
    },
    async requireContent(address, contents, more = false) {
      const { tenant } = address;
      if (contents.length === 0 && !more) return;
      const most = (await tenants.tenant(tenant))?.settings.maxContentBytes;
      if (most === undefined) return;
      const added = await refs.growth(address, contents);
      if (added === 0 && !more) return;
      const held = await refs.bytesOf(await tenants.queues(tenant));
      // Full is full: a message to be archived needs a byte at least.
      if (held + Math.max(added, 1) <= most) return;
      throw new Problem(
        'content-full',
        `the tenant ${tenant} has ${held} bytes of content stored and may have ${most}; ${added > 0 ? `this needs ${added} more` : 'a message that is archived needs more'}: remove finished emails, or send it when the history's days have made room`,
      );
    },
  };
};
