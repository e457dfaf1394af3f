// Gives a replica's slots to the queues that have work: by tenant first, who holds the fewest, then by queue in turn.
import { createShares, type Shares, type Slot, type SlotBounds } from './shares';

/** A queue that this replica is looking into. */
export interface SlotUser {
  name: string;
  tenant: string;
  /** Its usual transport: how many of its emails wait at a slow server is bounded. */
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

export interface Slots<T extends SlotUser> extends Pick<Shares, 'use' | 'taken'> {
  /** Gives free slots away, one at a time; `fetch` is called for each, and frees it. */
  pump(fetch: (user: T, slot: Slot) => void): void;
  add(user: T): void;
  remove(user: T): void;
}

export const createSlots = <T extends SlotUser>(bounds: SlotBounds): Slots<T> => {
  const shares = createShares(bounds);
  /** The queues of each tenant. Who has had no turn for the longest time is first, among tenants and among queues. */
  const rings = new Map<string, T[]>();

  const mayFetch = (user: T): boolean =>
    user.hungry && user.busy < user.limit && user.fetching < user.stride && !shares.isSlow(user.tenant, user.transport);

  /** Of the tenants that may have a slot and have a use for it, the one that holds the fewest. */
  const next = (): T | undefined => {
    let best: { tenant: string; held: number; at: number } | undefined;
    for (const [tenant, ring] of rings) {
      const held = shares.held(tenant);
      if ((best !== undefined && held >= best.held) || !shares.mayHave(tenant)) continue;
      const at = ring.findIndex(mayFetch);
      if (at >= 0) best = { tenant, held, at };
      if (best?.held === 0) break;
    }
    if (best === undefined) return undefined;
    const ring = rings.get(best.tenant) ?? [];
    const passed = ring.splice(0, best.at + 1);
    ring.push(...passed);
    rings.delete(best.tenant);
    rings.set(best.tenant, ring);
    return passed.at(-1);
  };

  const take = (user: T): Slot => {
    const slot = shares.take(user.tenant, user.transport);
    user.busy++;
    user.fetching++;
    const free = (): void => {
      slot.free();
      user.busy--;
    };
    return { wait: (bytes) => slot.wait(bytes), free };
  };

  return {
    pump(fetch) {
      while (shares.taken < bounds.slots) {
        const user = next();
        if (user === undefined) return;
        fetch(user, take(user));
      }
    },
    add(user) {
      const ring = rings.get(user.tenant);
      if (ring === undefined) rings.set(user.tenant, [user]);
      else ring.push(user);
    },
    remove(user) {
      const ring = (rings.get(user.tenant) ?? []).filter((other) => other !== user);
      if (ring.length === 0) rings.delete(user.tenant);
      else rings.set(user.tenant, ring);
    },
    get taken() {
      return shares.taken;
    },
    use: () => shares.use(),
  };
};
