// Which queues a replica may have open: no tenant keeps another one's queues out by having many of its own.
import { parseQueueName } from '../mail/address/queue-address';
import { reserveOf } from '../runtime/reserve';
import type { EmailQueue } from '../jobs/layout/queues';
import type { SlotUser } from './slots';

/** A queue that a replica serves: what it may, what it has had. */
export interface OpenQueue extends SlotUser {
  queue: EmailQueue;
  /** Counts calls: one that came while a fetch was under way may be about an email that the fetch did not see. */
  calls: number;
  /** A rate or a limit holds it until then (ms since 1970). */
  rateStopUntil: number;
  /** Emails since it was opened. */
  taken: number;
}

/**
 * @param may.concurrency of its emails at once
 * @param may.transport its usual one
 */
export const newlyOpen = (queue: EmailQueue, may: { concurrency: number; transport: string }): OpenQueue => ({
  name: queue.name,
  tenant: queue.address.tenant,
  transport: may.transport,
  queue,
  busy: 0,
  limit: may.concurrency,
  hungry: true,
  stride: 1,
  fetching: 0,
  calls: 0,
  rateStopUntil: 0,
  taken: 0,
});

export interface OpenQueues {
  readonly size: number;
  get(name: string): OpenQueue | undefined;
  all(): Iterable<OpenQueue>;
  /**
   * Keeps room for a queue that is about to be opened.
   * @returns whether there is any, and the queue that must be closed for it
   */
  keepRoom(name: string): { room: boolean; instead?: OpenQueue };
  /** It is on its way: its room is kept. */
  isOpening(name: string): boolean;
  /** It is not opened after all, or is open now. */
  endOpening(name: string): void;
  add(queue: OpenQueue): void;
  remove(queue: OpenQueue): void;
}

const tenantOf = (name: string): string => parseQueueName(name)?.tenant ?? '';

/** @param most queues at once */
export const createOpenQueues = (most: number): OpenQueues => {
  /** Room for tenants that have no queue open. */
  const reserve = reserveOf(most);
  const open = new Map<string, OpenQueue>();
  const opening = new Set<string>();
  /** Open and opening, by tenant. */
  const counts = new Map<string, number>();
  const count = (name: string, change: 1 | -1): void => {
    const tenant = tenantOf(name);
    const now = (counts.get(tenant) ?? 0) + change;
    if (now > 0) counts.set(tenant, now);
    else counts.delete(tenant);
  };

  /** A queue that waits for a slot, of the tenant that has the most open, where that is more than `own`. */
  const toGiveWay = (own: number): OpenQueue | undefined => {
    let most: [tenant: string, queues: number] = ['', own + 1];
    for (const entry of counts) if (entry[1] > most[1]) most = entry;
    if (most[0] === '') return undefined;
    for (const queue of open.values()) if (queue.tenant === most[0] && queue.busy === 0) return queue;
    return undefined;
  };

  return {
    get size() {
      return open.size;
    },
    get: (name) => open.get(name),
    all: () => open.values(),
    keepRoom(name) {
      const own = counts.get(tenantOf(name)) ?? 0;
      const free = most - open.size - opening.size;
      const instead = free > (own > 0 ? reserve : 0) ? undefined : toGiveWay(own);
      if (instead === undefined && free <= (own > 0 ? reserve : 0)) return { room: false };
      opening.add(name);
      count(name, 1);
      return { room: true, ...(instead && { instead }) };
    },
    isOpening: (name) => opening.has(name),
    endOpening(name) {
      if (opening.delete(name)) count(name, -1);
    },
    add(queue) {
      open.set(queue.name, queue);
      count(queue.name, 1);
    },
    remove(queue) {
      if (open.delete(queue.name)) count(queue.name, -1);
    },
  };
};
