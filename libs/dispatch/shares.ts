// Counts what each tenant has of a replica, and says who may have more: emails in work, and emails that wait for others.
import { reserveOf } from '../runtime/reserve';
import type { TenantUse } from '../store/registries/workers';

/** The right to have one email in work. */
export interface Slot {
  /**
   * The email waits for somebody else, which costs next to nothing: from now on it counts as waiting and its slot is free.
   * @param bytes of memory that it holds meanwhile
   * @returns whether the slot is free by that; a large email keeps it where too much is held already
   */
  wait(bytes: number): boolean;
  /** The email is done with. */
  free(): void;
}

export interface SlotBounds {
  /** Emails in work at once on this replica. */
  slots: number;
  /** Emails that wait for others at once, beside them. */
  waiting: number;
}

export interface Shares {
  readonly taken: number;
  held(tenant: string): number;
  /** Whether the tenant may have one more slot now. */
  mayHave(tenant: string): boolean;
  /** Whether as many emails of a transport wait as may. */
  isSlow(tenant: string, transport: string): boolean;
  take(tenant: string, transport: string): Slot;
  /** By tenant, where it has anything. */
  use(): Record<string, TenantUse>;
}

interface Count {
  held: number;
  waiting: number;
}
interface Tenant extends Count {
  transports: Map<string, Count>;
}

/** What waits with a message larger than this in memory (bytes) counts for as many as it is larger. */
const WEIGHED_BYTES = 1_024 * 1_024;
/** Of all that may wait, a tenant has a part; and a transport a part of that, so that a slow server leaves room for the others. */
const [TENANT_PART, TRANSPORT_PART] = [5, 2];

const NONE: Count = { held: 0, waiting: 0 };
const isFull = ({ held, waiting }: Count, most: number): boolean => waiting > 0 && held + waiting >= most;

export const createShares = (bounds: SlotBounds): Shares => {
  /** Taken by tenants alone that hold none. */
  const reserve = reserveOf(bounds.slots);
  const tenants = new Map<string, Tenant>();
  const all: Count = { held: 0, waiting: 0 };
  /** How many tenants have some that wait. */
  let parts = 0;

  /** How many emails of one tenant may wait: the more tenants have some that do, the fewer. */
  const ofTenant = (): number => Math.max(1, Math.floor(bounds.waiting / Math.max(TENANT_PART, parts)));
  const ofTransport = (): number => Math.max(1, Math.floor(ofTenant() / TRANSPORT_PART));

  const countOf = (name: string, transport: string): { tenant: Tenant; counts: Count[] } => {
    const tenant = tenants.get(name) ?? { ...NONE, transports: new Map<string, Count>() };
    tenants.set(name, tenant);
    const count = tenant.transports.get(transport) ?? { ...NONE };
    tenant.transports.set(transport, count);
    return { tenant, counts: [all, tenant, count] };
  };
  const tidy = (name: string, transport: string): void => {
    const tenant = tenants.get(name);
    const { held, waiting } = tenant?.transports.get(transport) ?? NONE;
    if (held + waiting === 0) tenant?.transports.delete(transport);
    if (tenant?.transports.size === 0) tenants.delete(name);
  };

  const useOf = (tenant: Tenant): TenantUse => {
    const slow = [...tenant.transports].filter(([, count]) => isFull(count, ofTransport()));
    return {
      held: tenant.held,
      waiting: tenant.waiting,
      ...(isFull(tenant, ofTenant()) && { full: true }),
      ...(slow.length > 0 && { slow: Object.fromEntries(slow.map(([name, count]) => [name, count.waiting])) }),
    };
  };

  return {
    get taken() {
      return all.held;
    },
    held: (tenant) => tenants.get(tenant)?.held ?? 0,
    mayHave(name) {
      const tenant = tenants.get(name) ?? NONE;
      const free = bounds.slots - all.held;
      return free > (tenant.held > 0 ? reserve : 0) && !isFull(tenant, ofTenant());
    },
    isSlow: (tenant, transport) => isFull(tenants.get(tenant)?.transports.get(transport) ?? NONE, ofTransport()),
    take(name, transport) {
      const { tenant, counts } = countOf(name, transport);
      let weight = 0;
      const change = (what: keyof Count, by: number): void => {
        const before = tenant.waiting > 0 ? 1 : 0;
        for (const count of counts) count[what] += by;
        parts += (tenant.waiting > 0 ? 1 : 0) - before;
      };
      change('held', 1);
      return {
        wait(bytes) {
          const more = 1 + Math.floor(bytes / WEIGHED_BYTES) - weight;
          const tooMuch = tenant.waiting + more > ofTenant() || all.waiting + more > bounds.waiting;
          // Where there are too few slots to share, emails at once are as many as was said.
          if (more <= 0 || reserve === 0 || bounds.waiting === 0 || (more > 1 && tooMuch)) return false;
          if (weight === 0) change('held', -1);
          change('waiting', more);
          weight += more;
          return true;
        },
        free() {
          if (weight === 0) change('held', -1);
          else change('waiting', -weight);
          tidy(name, transport);
        },
      };
    },
    use: () => Object.fromEntries([...tenants].map(([name, tenant]) => [name, useOf(tenant)])),
  };
};
