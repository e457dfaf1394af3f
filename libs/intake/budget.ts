// How much more may be accepted: what Redis has room for, and what a tenant may have, waiting and stored.
import { Problem } from '../mail/input/problem';
import { BOUND_NOUNS, DEFAULT_BOUNDS, type TenantBounds } from '../mail/settings/tenant-bounds';
import { uptime } from '../runtime/clock';
import type { Memory } from '../store/limits/memory';
import type { Bound } from '../store/registries/bound';
import type { PartInStore } from '../mail/email/stored-email';
import type { QueueAddress } from '../mail/address/queue-address';
import type { ContentRefs } from '../store/contents/content-refs';
import type { Redis } from '../store/redis/redis';
import type { Tenants } from '../store/registries/tenants';
import { countUnsent } from '../jobs/read/counts';

export interface Budget {
  /** Whatever is new asks for it first. @throws Problem `queue-full` where Redis is nearly full */
  requireMemory(): Promise<void>;
  /** What is there may be mended where Redis is nearly full, and not become much larger. @throws Problem `queue-full` */
  requireGrowth(before: object, after: object): Promise<void>;
  /**
   * How many of something the tenant may have: as the operator says, and none that is new where Redis is nearly full.
   * @param makesRoom what it is for ends or shrinks what is there: it is let in then as well
   */
  bound(tenant: string, of: keyof TenantBounds, makesRoom?: boolean): Promise<Bound>;
  /** The same for tenants themselves, which only the operator makes. */
  boundOfTenants(): Promise<Bound>;
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

/** What a correction may add to an email where Redis is nearly full. Characters of JSON. */
const SMALL_GROWTH = 1_024;

/** What was read is believed for so long; with several API replicas each may let in so much more than allowed. ms */
const BELIEVED_MS = 1_000;

/** What is asked of Redis' memory alone. */
const createMemoryPart = (memory: Memory) => {
  const noMemory = (): Problem =>
    new Problem(
      'queue-full',
      `Redis has used ${memory.percent} % of its memory: nothing new is accepted until emails are sent or removed; what was accepted goes out`,
    );

  const requireMemory = async (): Promise<void> => {
    if (await memory.isFull()) throw noMemory();
  };

  const boundOf = async (most: number, refuse: () => Problem): Promise<Bound> => {
    const isShort = await memory.isFull();
    return isShort ? { most: 0, isShort, refuse: noMemory } : { most, isShort, refuse };
  };

  return {
    requireMemory,
    boundOf,
    boundOfTenants: () => boundOf(Number.MAX_SAFE_INTEGER, noMemory),
    async requireGrowth(before: object, after: object): Promise<void> {
      const length = (one: object): number => JSON.stringify(one).length;
      if ((await memory.isFull()) && length(after) > length(before) + SMALL_GROWTH) throw noMemory();
    },
  };
};

/**
 * Keeps the last of the memory for what is under way: a worker that cannot write what it has sent would send it again.
 * @param deps.bounds of tenants whose settings say nothing; those of docs/configuration.md where they are not given
 */
export const createBudget = (deps: {
  redis: Redis;
  tenants: Tenants;
  refs: ContentRefs;
  memory: Memory;
  bounds?: Partial<TenantBounds> | undefined;
}): Budget => {
  const { redis, tenants, refs } = deps;
  const ofMemory = createMemoryPart(deps.memory);
  const waiting = new Map<string, { at: number; count: number }>();

  const waitingOf = async (tenant: string): Promise<{ count: number }> => {
    const known = waiting.get(tenant);
    if (known !== undefined && uptime() - known.at < BELIEVED_MS) return known;
    const read = { at: uptime(), count: await countUnsent(redis, await tenants.queues(tenant)) };
    waiting.set(tenant, read);
    return read;
  };

  return {
    ...ofMemory,
    async bound(tenant, of, makesRoom = false) {
      const most = (await tenants.tenant(tenant))?.settings[of] ?? deps.bounds?.[of] ?? DEFAULT_BOUNDS[of];
      const words = `the tenant ${tenant} may have ${most} ${BOUND_NOUNS[of]} (${of}), and this would be more`;
      const refuse = (): Problem =>
        new Problem('tenant-full', `${words}: remove what is not needed any more, or ask the operator for more`);
      return makesRoom ? { most, isShort: false, refuse } : ofMemory.boundOf(most, refuse);
    },
    async require(tenant, count) {
      await ofMemory.requireMemory();
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
