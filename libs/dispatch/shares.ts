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

const add = (count: Count, held: number, waiting: number): void => {
  count.held += held;
  count.waiting += waiting;
};

/** What all tenants have, each of them, and each of their transports. */
const createCounts = () => {
  const tenants = new Map<string, Tenant>();
  const all: Count = { ...NONE };
  /** How many tenants have some that wait. */
  let parts = 0;
  return {
    all,
    tenants,
    get parts() {
      return parts;
    },
    of: (name: string): Count => tenants.get(name) ?? NONE,
    ofTransport: (name: string, transport: string): Count => tenants.get(name)?.transports.get(transport) ?? NONE,
    change(name: string, transport: string, held: number, waiting: number): void {
      const tenant = tenants.get(name) ?? { held: 0, waiting: 0, transports: new Map<string, Count>() };
      const ofTransport = tenant.transports.get(transport) ?? { held: 0, waiting: 0 };
      const before = tenant.waiting > 0 ? 1 : 0;
      add(all, held, waiting);
      add(tenant, held, waiting);
      add(ofTransport, held, waiting);
      parts += (tenant.waiting > 0 ? 1 : 0) - before;
      if (ofTransport.held + ofTransport.waiting > 0) tenant.transports.set(transport, ofTransport);
      else tenant.transports.delete(transport);
      if (tenant.transports.size > 0) tenants.set(name, tenant);
      else tenants.delete(name);
    },
  };
};

export const createShares = (bounds: SlotBounds): Shares => {
  /** Taken by tenants alone that hold none. */
  const reserve = reserveOf(bounds.slots);
  const counts = createCounts();
  const { all } = counts;

  /** How many emails of one tenant may wait: the more tenants have some that do, the fewer. */
  const ofTenant = (): number => Math.max(1, Math.floor(bounds.waiting / Math.max(TENANT_PART, counts.parts)));
  const ofTransport = (): number => Math.max(1, Math.floor(ofTenant() / TRANSPORT_PART));

  const useOf = (tenant: Tenant): TenantUse => {
    const slow = [...tenant.transports].filter(([, count]) => isFull(count, ofTransport()));
    return {
      held: tenant.held,
      waiting: tenant.waiting,
      ...(isFull(tenant, ofTenant()) && { full: true }),
      ...(slow.length > 0 && { slow: Object.fromEntries(slow.map(([name, count]) => [name, count.waiting])) }),
    };
  };

  const take = (name: string, transport: string): Slot => {
    const has: Count = { held: 1, waiting: 0 };
    counts.change(name, transport, 1, 0);
    const become = (held: number, waiting: number): void => {
      counts.change(name, transport, held - has.held, waiting - has.waiting);
      has.held = held;
      has.waiting = waiting;
    };
    return {
      wait(bytes) {
        const weight = 1 + Math.floor(bytes / WEIGHED_BYTES);
        const more = weight - has.waiting;
        const tooMuch = counts.of(name).waiting + more > ofTenant() || all.waiting + more > bounds.waiting;
        // Where there are too few slots to share, emails at once are as many as was said.
        if (more <= 0 || reserve === 0 || bounds.waiting === 0 || (more > 1 && tooMuch)) return false;
        become(0, weight);
        return true;
      },
      free: () => become(0, 0),
    };
  };

  return {
    get taken() {
      return all.held;
    },
    held: (tenant) => counts.of(tenant).held,
    mayHave(name) {
      const tenant = counts.of(name);
      const free = bounds.slots - all.held;
      return free > (tenant.held > 0 ? reserve : 0) && !isFull(tenant, ofTenant());
    },
    isSlow: (tenant, transport) => isFull(counts.ofTransport(tenant, transport), ofTransport()),
    take,
    use: () => Object.fromEntries([...counts.tenants].map(([name, tenant]) => [name, useOf(tenant)])),
  };
};
