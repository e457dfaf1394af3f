// The registry of tenants and their queues, with the settings of each.
import {
  givesSettings,
  resolveSettings,
  type QueueSettings,
  type ResolvedSettings,
  type SettingsLevel,
  type TenantSettings,
} from '../../mail/settings/settings';
import { boundRetries, NO_RETRY_BOUNDS, requireRetries, type RetryBounds } from '../../mail/settings/retry-bounds';
import { queueName, type QueueAddress } from '../../mail/address/queue-address';
import type { Clock } from '../../runtime/clock';
import type { Bound } from './bound';
import { changeRecord, type Told } from './change-record';
import { removeFormerTenant } from './former-tenant';
import type { Changes } from '../redis/settings-cache';
import type { Listening } from './listening';
import type { PauseNote } from './installation';
import { KEYS, outboxOf, tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { announceStanding } from '../redis/standing-index';

interface Dates {
  createdAt: string;
  updatedAt: string;
}

export type Tenant = { tenant: string; settings: TenantSettings } & Dates;
/** What is kept of a queue. BullMQ holds its pause itself; `paused` says whose it is. */
type QueueRecord = { settings: QueueSettings; paused?: PauseNote } & Dates;
export type RegisteredQueue = QueueAddress & QueueRecord;
/** A record before and after a change; without `before` it came into being. */
export interface Changed<T> {
  before: T | undefined;
  after: T;
}

export interface Tenants {
  tenant(slug: string): Promise<Tenant | undefined>;
  list(): Promise<Tenant[]>;
  /** Puts the settings that `decide` makes of the present ones; of changes at once each is made of the one before it. */
  change(slug: string, decide: (present: Tenant | undefined) => TenantSettings, bound: Bound): Promise<Changed<Tenant>>;
  remove(slug: string): Promise<void>;
  queue(address: QueueAddress): Promise<RegisteredQueue | undefined>;
  queues(tenant: string): Promise<RegisteredQueue[]>;
  /** Like `change`. @param decide also says who paused the queue @param bound where a new one may come into being */
  changeQueue(
    address: QueueAddress,
    decide: (present: RegisteredQueue | undefined) => Pick<QueueRecord, 'settings' | 'paused'>,
    bound?: Bound,
  ): Promise<Changed<RegisteredQueue>>;
  /** A queue as Redis has it at this moment, whatever is remembered of it here. */
  readQueue(address: QueueAddress): Promise<RegisteredQueue | undefined>;
  /** The settings that hold now for an email of a queue, or for the queue itself. @param own of the email */
  settings(address: QueueAddress, own?: SettingsLevel): Promise<ResolvedSettings>;
  /** Holds settings that somebody gives to the operator's bounds (retry-bounds.ts). @throws Problem `invalid` */
  requireRetries: Bounded<typeof requireRetries>;
  /** Brings a queue into being with empty settings where it does not exist. @throws Problem of the bound, asked for then only */
  ensureQueue(address: QueueAddress, bound: () => Promise<Bound>): Promise<void>;
  removeQueue(address: QueueAddress): Promise<void>;
}

type Bounded<F> = F extends (bounds: RetryBounds, ...rest: infer Rest) => void ? (...rest: Rest) => void : never;

type Record<S> = { settings: S } & Dates;

const parse = <T>(text: string | null): T | undefined => (text === null ? undefined : (JSON.parse(text) as T));

/** What holds in a queue: remembered with its record, which is dropped when it changes; so is the tenant's. */
const createSettingsOfQueue = (bounds: RetryBounds) => {
  const known = new WeakMap<RegisteredQueue, { tenant: Tenant | undefined; settings: ResolvedSettings }>();
  return (tenant: Tenant | undefined, queue: RegisteredQueue | undefined): ResolvedSettings => {
    const found = queue && known.get(queue);
    if (found !== undefined && found.tenant === tenant) return found.settings;
    const settings = Object.freeze(boundRetries(resolveSettings(tenant?.settings, queue?.settings), bounds));
    if (queue !== undefined) known.set(queue, { tenant, settings });
    return settings;
  };
};

interface Deps {
  redis: Redis;
  changes: Changes;
  clock: Clock;
  /** Who is told of pauses; nobody where it is not given. */
  listening?: Pick<Listening, 'noteOf'>;
}

/** What whoever listens is told of a queue that is paused or resumed. */
const toldOf =
  ({ redis, clock, listening }: Deps, { tenant, application }: QueueAddress) =>
  async (before: QueueRecord | undefined, after: QueueRecord): Promise<Told | undefined> => {
    const [was, is] = [before?.settings.enabled === false, after.settings.enabled === false];
    if (is) await announceStanding(redis, 'paused', queueName({ tenant, application }));
    if (was === is || listening === undefined) return undefined;
    const note = {
      type: is ? ('queue.paused' as const) : ('queue.resumed' as const),
      at: clock.now(),
      id: application,
    };
    return { outbox: outboxOf(tenant), event: await listening.noteOf(tenant, note) };
  };

/** A record with its dates. @param now ms since 1970 */
const fresh = <S>(old: Record<S> | undefined, settings: S, now: number): Record<S> => {
  const at = new Date(now).toISOString();
  return { settings, createdAt: old?.createdAt ?? at, updatedAt: at };
};

type TenantPart = Pick<Tenants, 'tenant' | 'list' | 'change' | 'remove'>;
type QueuePart = Omit<Tenants, keyof TenantPart | 'settings' | 'requireRetries'>;

const createTenantPart = ({ redis, changes, clock }: Deps): TenantPart => {
  const tenant = changes.cached('tenant', async (slug) => {
    const record = parse<Record<TenantSettings>>(await redis.hget(KEYS.tenants, slug));
    return record && { tenant: slug, ...record };
  });

  return {
    tenant,
    async list() {
      const all = await redis.hgetall(KEYS.tenants);
      return Object.entries(all)
        .map(([slug, text]) => ({ tenant: slug, ...(JSON.parse(text) as Record<TenantSettings>) }))
        .sort((a, b) => a.tenant.localeCompare(b.tenant));
    },
    async change(slug, decide, bound) {
      const tenantOf = (record: Record<TenantSettings>): Tenant => ({ tenant: slug, ...record });
      const { before, after } = await changeRecord<Record<TenantSettings>>(
        redis,
        KEYS.tenants,
        slug,
        (present) => fresh(present, decide(present && tenantOf(present)), clock.now()),
        bound,
      );
      await changes.announce('tenant', slug);
      return { before: before && tenantOf(before), after: tenantOf(after) };
    },
    async remove(slug) {
      // Before, so that a removal that was interrupted can be repeated; after, for what was written meanwhile.
      await removeFormerTenant(redis, changes, slug);
      await redis.hdel(KEYS.tenants, slug);
      await changes.announce('tenant', slug);
      await removeFormerTenant(redis, changes, slug);
    },
  };
};

const createQueuePart = (deps: Deps): QueuePart => {
  const { redis, changes, clock } = deps;
  const cachedQueue = changes.cached('queue', async (name) => {
    const [slug = '', application = ''] = name.split('.');
    const record = parse<Record<QueueSettings>>(await redis.hget(tenantKeys(slug).queues, application));
    return record && { tenant: slug, application, ...record };
  });

  return {
    queue: (address) => cachedQueue(queueName(address)),
    async queues(slug) {
      const all = await redis.hgetall(tenantKeys(slug).queues);
      return Object.entries(all)
        .map(([application, text]) => ({ tenant: slug, application, ...(JSON.parse(text) as Record<QueueSettings>) }))
        .sort((a, b) => a.application.localeCompare(b.application));
    },
    async changeQueue(address, decide, bound) {
      const queueOf = (record: QueueRecord): RegisteredQueue => ({ ...address, ...record });
      const key = tenantKeys(address.tenant).queues;
      const change = (present: QueueRecord | undefined): QueueRecord => {
        const { settings, paused } = decide(present && queueOf(present));
        return { ...fresh(present, settings, clock.now()), ...(paused && { paused }) };
      };
      const { before, after } = await changeRecord<QueueRecord>(
        redis,
        key,
        address.application,
        change,
        bound,
        toldOf(deps, address),
      );
      await changes.announce('queue', queueName(address));
      return { before: before && queueOf(before), after: queueOf(after) };
    },
    async readQueue(address) {
      const record = parse<QueueRecord>(await redis.hget(tenantKeys(address.tenant).queues, address.application));
      return record && { ...address, ...record };
    },
    async ensureQueue(address, bound) {
      if ((await cachedQueue(queueName(address))) !== undefined) return;
      const key = tenantKeys(address.tenant).queues;
      await changeRecord<QueueRecord>(
        redis,
        key,
        address.application,
        (present) => present ?? fresh(undefined, {}, clock.now()),
        await bound(),
      );
      await changes.announce('queue', queueName(address));
    },
    async removeQueue(address) {
      await redis.hdel(tenantKeys(address.tenant).queues, address.application);
      await changes.announce('queue', queueName(address));
    },
  };
};

/** @param deps.retries the operator's bounds; none where they are not given */
export const createTenants = (deps: Deps & { retries?: RetryBounds | undefined }): Tenants => {
  const { retries = NO_RETRY_BOUNDS } = deps;
  const [tenants, queues] = [createTenantPart(deps), createQueuePart(deps)];
  const settingsOfQueue = createSettingsOfQueue(retries);
  return {
    ...tenants,
    ...queues,
    requireRetries: (...given) => requireRetries(retries, ...given),
    async settings(address, own) {
      const found = await tenants.tenant(address.tenant);
      const registered = await queues.queue(address);
      if (own !== undefined && givesSettings(own))
        return boundRetries(resolveSettings(found?.settings, registered?.settings, own), retries);
      return settingsOfQueue(found, registered);
    },
  };
};
