// The registry of tenants and their queues, with the settings of each.
import {
  givesSettings,
  resolveSettings,
  type QueueSettings,
  type ResolvedSettings,
  type SettingsLevel,
  type TenantSettings,
} from '../mail/settings';
import { queueName, type QueueAddress } from '../mail/queue-address';
import type { Clock } from '../runtime/clock';
import type { Changes } from './changes';
import { KEYS, tenantKeys } from './keys';
import type { Redis } from './redis';

interface Dates {
  createdAt: string;
  updatedAt: string;
}

export type Tenant = { tenant: string; settings: TenantSettings } & Dates;
/** Who paused a queue, and when. BullMQ holds the pause itself. */
export interface PauseNote {
  by: string;
  at: string;
}
export type RegisteredQueue = QueueAddress & { settings: QueueSettings; paused?: PauseNote } & Dates;

export interface Tenants {
  tenant(slug: string): Promise<Tenant | undefined>;
  list(): Promise<Tenant[]>;
  put(slug: string, settings: TenantSettings): Promise<{ tenant: Tenant; created: boolean }>;
  remove(slug: string): Promise<void>;
  queue(address: QueueAddress): Promise<RegisteredQueue | undefined>;
  queues(tenant: string): Promise<RegisteredQueue[]>;
  putQueue(address: QueueAddress, settings: QueueSettings): Promise<{ queue: RegisteredQueue; created: boolean }>;
  /** The settings that hold now for an email of a queue, or for the queue itself. @param own of the email */
  settings(address: QueueAddress, own?: SettingsLevel): Promise<ResolvedSettings>;
  /** Brings a queue into being with empty settings where it does not exist; says whether it did so. */
  ensureQueue(address: QueueAddress): Promise<boolean>;
  /** Notes who paused it; nothing given takes the note away. */
  notePause(address: QueueAddress, by?: string): Promise<void>;
  removeQueue(address: QueueAddress): Promise<void>;
}

type Record<S> = { settings: S } & Dates;

const parse = <T>(text: string | null): T | undefined => (text === null ? undefined : (JSON.parse(text) as T));

/** What holds in a queue: remembered with its record, which is dropped when it changes; so is the tenant's. */
const createSettingsOfQueue = () => {
  const known = new WeakMap<RegisteredQueue, { tenant: Tenant | undefined; settings: ResolvedSettings }>();
  return (tenant: Tenant | undefined, queue: RegisteredQueue | undefined): ResolvedSettings => {
    const found = queue && known.get(queue);
    if (found !== undefined && found.tenant === tenant) return found.settings;
    const settings = Object.freeze(resolveSettings(tenant?.settings, queue?.settings));
    if (queue !== undefined) known.set(queue, { tenant, settings });
    return settings;
  };
};

export const createTenants = (deps: { redis: Redis; changes: Changes; clock: Clock }): Tenants => {
  const { redis, changes } = deps;
  const settingsOfQueue = createSettingsOfQueue();
  const now = (): string => new Date(deps.clock.now()).toISOString();

  const tenant = changes.cached('tenant', async (slug) => {
    const record = parse<Record<TenantSettings>>(await redis.hget(KEYS.tenants, slug));
    return record && { tenant: slug, ...record };
  });
  const cachedQueue = changes.cached('queue', async (name) => {
    const [slug = '', application = ''] = name.split('.');
    const record = parse<Record<QueueSettings>>(await redis.hget(tenantKeys(slug).queues, application));
    return record && { tenant: slug, application, ...record };
  });
  const fresh = <S>(old: Record<S> | undefined, settings: S): Record<S> => ({
    settings,
    createdAt: old?.createdAt ?? now(),
    updatedAt: now(),
  });

  return {
    tenant,
    async list() {
      const all = await redis.hgetall(KEYS.tenants);
      return Object.entries(all)
        .map(([slug, text]) => ({ tenant: slug, ...(JSON.parse(text) as Record<TenantSettings>) }))
        .sort((a, b) => a.tenant.localeCompare(b.tenant));
    },
    async put(slug, settings) {
      const old = parse<Record<TenantSettings>>(await redis.hget(KEYS.tenants, slug));
      const record = fresh(old, settings);
      await redis.hset(KEYS.tenants, slug, JSON.stringify(record));
      await changes.announce('tenant', slug);
      return { tenant: { tenant: slug, ...record }, created: old === undefined };
    },
    async remove(slug) {
      const keys = tenantKeys(slug);
      const templates = await redis.hkeys(keys.templateNumbers);
      await redis.del(
        keys.queues,
        keys.transports,
        keys.signingSecrets,
        keys.templates,
        keys.templateNumbers,
        ...templates.map(keys.template),
      );
      await redis.hdel(KEYS.tenants, slug);
      await changes.announce('tenant', slug);
      await changes.announce('signing-secret', slug);
    },
    queue: (address) => cachedQueue(queueName(address)),
    async queues(slug) {
      const all = await redis.hgetall(tenantKeys(slug).queues);
      return Object.entries(all)
        .map(([application, text]) => ({ tenant: slug, application, ...(JSON.parse(text) as Record<QueueSettings>) }))
        .sort((a, b) => a.application.localeCompare(b.application));
    },
    async putQueue(address, settings) {
      const key = tenantKeys(address.tenant).queues;
      const old = parse<Record<QueueSettings>>(await redis.hget(key, address.application));
      const record = fresh(old, settings);
      await redis.hset(key, address.application, JSON.stringify(record));
      await changes.announce('queue', queueName(address));
      return { queue: { ...address, ...record }, created: old === undefined };
    },
    async settings(address, own) {
      const found = await tenant(address.tenant);
      const registered = await cachedQueue(queueName(address));
      if (own !== undefined && givesSettings(own)) return resolveSettings(found?.settings, registered?.settings, own);
      return settingsOfQueue(found, registered);
    },
    async ensureQueue(address) {
      if ((await cachedQueue(queueName(address))) !== undefined) return false;
      const record = JSON.stringify(fresh(undefined, {}));
      const made = await redis.hsetnx(tenantKeys(address.tenant).queues, address.application, record);
      await changes.announce('queue', queueName(address));
      return made === 1;
    },
    async notePause(address, by) {
      const key = tenantKeys(address.tenant).queues;
      const old = parse<Record<QueueSettings> & { paused?: PauseNote }>(await redis.hget(key, address.application));
      if (old === undefined) return;
      const record = { ...old, paused: by === undefined ? undefined : { by, at: now() } };
      await redis.hset(key, address.application, JSON.stringify(record));
      await changes.announce('queue', queueName(address));
    },
    async removeQueue(address) {
      await redis.hdel(tenantKeys(address.tenant).queues, address.application);
      await changes.announce('queue', queueName(address));
    },
  };
};
