// Shares a replica's slots among tenants first and their queues then: who holds the fewest is next.
import { reserveOf } from '../runtime/reserve';
import type { TenantUse } from '../store/registries/workers';

/** A queue that this replica is looking into. */
export interface SlotUser {
  name: string;
  tenant: string;
  /** Its usual transport: how many of its dialogues wait is bounded. */
  transport: string;
  /** Emails in work, and slots taken to fetch one. */
  busy: number;
  /** At most so many at once. */
  limit: number;
  /** May there be more to take? */
  hungry: boolean;
  /** How many fetches may run at once: one until the queue has shown that it has emails, then doubling. */
  stride: number;
  fetching: number;
}

/** The right to have one email in work. */
export interface Slot {
  /**
   * The email waits for somebody else, which costs next to nothing: from now on it counts as waiting and its slot is free.
   * @param bytes of memory that it holds meanwhile
   * @returns whether it does; a large email keeps its slot where too much is held already
   */
  wait(bytes: number): boolean;
  /** The email is done with. */
  free(): void;
}

export interface Slots<T extends SlotUser> {
  /** Gives free slots away, one at a time; `fetch` is called for each, and frees it. */
  pump(fetch: (user: T, slot: Slot) => void): void;
  add(user: T): void;
  remove(user: T): void;
  readonly taken: number;
  /** By tenant, where it has anything. */
  use(): Record<string, TenantUse>;
}

interface Count {
  held: number;
  waiting: number;
}
interface Tenant<T> extends Count {
  ring: T[];
  transports: Map<string, Count>;
}

/** What waits with a message larger than this in memory (bytes) counts for as many as it is larger. */
const WEIGHED_BYTES = 1_024 * 1_024;
/** Of all that may wait, a tenant has a part; and a transport a part of that, so that one slow server leaves room for the others. */
const [TENANT_PART, TRANSPORT_PART] = [5, 2];

const bounded = ({ held, waiting }: Count, most: number): boolean => waiting > 0 && held + waiting >= most;

/**
 * @param bounds.slots emails in work at once on this replica
 * @param bounds.waiting emails that wait for others at once, beside them
 */
export const createSlots = <T extends SlotUser>(bounds: { slots: number; waiting: number }): Slots<T> => {
  const most = bounds.slots;
  /** Taken by tenants alone that hold none. */
  const reserve = reserveOf(most);
  /** Who has had no slot for the longest time is first. */
  const tenants = new Map<string, Tenant<T>>();
  let taken = 0;
  let waiting = 0;
  /** How many tenants have some that wait. */
  let parts = 0;

  const tenantOf = (name: string): Tenant<T> => {
    const tenant = tenants.get(name) ?? { held: 0, waiting: 0, ring: [], transports: new Map<string, Count>() };
    tenants.set(name, tenant);
    return tenant;
  };
  const tidy = (name: string, { ring, transports }: Tenant<T>): void => {
    for (const [id, count] of transports) if (count.held + count.waiting === 0) transports.delete(id);
    if (ring.length === 0 && transports.size === 0) tenants.delete(name);
  };

  /** How many emails of one tenant may wait: the more tenants have some that do, the fewer. */
  const mostWaiting = (): number => Math.max(1, Math.floor(bounds.waiting / Math.max(TENANT_PART, parts)));
  const mostOfTransport = (ofTenant: number): number => Math.max(1, Math.floor(ofTenant / TRANSPORT_PART));

  const mayHave = (tenant: Tenant<T>): boolean => {
    const free = most - taken;
    if (free <= (tenant.held > 0 ? reserve : 0)) return false;
    return tenant.waiting === 0 || !bounded(tenant, mostWaiting());
  };
  const mayFetch = (user: T, tenant: Tenant<T>): boolean => {
    if (!user.hungry || user.busy >= user.limit || user.fetching >= user.stride) return false;
    const transport = tenant.transports.get(user.transport);
    return transport === undefined || transport.waiting === 0 || !bounded(transport, mostOfTransport(mostWaiting()));
  };

  /** Of the tenants that may have a slot and have a use for it, the one that holds the fewest. */
  const next = (): T | undefined => {
    let best: { name: string; tenant: Tenant<T>; at: number } | undefined;
    for (const [name, tenant] of tenants) {
      if ((best !== undefined && tenant.held >= best.tenant.held) || !mayHave(tenant)) continue;
      const at = tenant.ring.findIndex((user) => mayFetch(user, tenant));
      if (at >= 0) best = { name, tenant, at };
      if (best?.tenant.held === 0) break;
    }
    if (best === undefined) return undefined;
    const { name, tenant, at } = best;
    // Who has had a turn goes to the end: the tenant among tenants, the queue among its own.
    tenants.delete(name);
    tenants.set(name, tenant);
    const passed = tenant.ring.splice(0, at + 1);
    tenant.ring.push(...passed);
    return passed.at(-1);
  };

  const take = (user: T): Slot => {
    const tenant = tenantOf(user.tenant);
    const transport = tenant.transports.get(user.transport) ?? { held: 0, waiting: 0 };
    tenant.transports.set(user.transport, transport);
    let weight = 0;
    const hold = (change: 1 | -1): void => {
      taken += change;
      tenant.held += change;
      transport.held += change;
    };
    const letWait = (change: number): void => {
      if (tenant.waiting > 0) parts--;
      waiting += change;
      tenant.waiting += change;
      transport.waiting += change;
      if (tenant.waiting > 0) parts++;
    };
    hold(1);
    user.busy++;
    return {
      wait(bytes) {
        const heavy = Math.floor(bytes / WEIGHED_BYTES);
        const tooMuch = tenant.waiting + heavy > mostWaiting() || waiting + heavy > bounds.waiting;
        if (weight > 0 || (heavy > 0 && tooMuch)) return false;
        weight = 1 + heavy;
        hold(-1);
        letWait(weight);
        return true;
      },
      free() {
        if (weight === 0) hold(-1);
        else letWait(-weight);
        user.busy--;
        tidy(user.tenant, tenant);
      },
    };
  };

  const useOf = (tenant: Tenant<T>): TenantUse => {
    const ofTenant = mostWaiting();
    const slow = [...tenant.transports].filter(([, count]) => bounded(count, mostOfTransport(ofTenant)));
    return {
      held: tenant.held,
      waiting: tenant.waiting,
      ...(bounded(tenant, ofTenant) && { full: true }),
      ...(slow.length > 0 && { slow: Object.fromEntries(slow.map(([name, count]) => [name, count.waiting])) }),
    };
  };

  return {
    pump(fetch) {
      while (taken < most) {
        const user = next();
        if (user === undefined) return;
        const slot = take(user);
        user.fetching++;
        fetch(user, slot);
      }
    },
    add: (user) => void tenantOf(user.tenant).ring.push(user),
    remove(user) {
      const tenant = tenantOf(user.tenant);
      tenant.ring = tenant.ring.filter((other) => other !== user);
      tidy(user.tenant, tenant);
    },
    get taken() {
      return taken;
    },
    use: () =>
      Object.fromEntries(
        [...tenants]
          .filter(([, { held, waiting: some }]) => held + some > 0)
          .map(([name, tenant]) => [name, useOf(tenant)]),
      ),
  };
};
