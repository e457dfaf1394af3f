// What this process has under way, by webhook and by tenant, and how much more there may be.
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantWebhook } from './fan-out';
import type { PostedEvent } from './post-event';

/** Requests under way at once: to a webhook, to one that failed so often in a row, to all of a tenant, in all. */
const OF_WEBHOOK = 10;
const [OFTEN, OF_FAILING] = [5, 1];
const OF_TENANT = 20;
const IN_ALL = 300;
/** A tenant that has none under way gets one beyond these. */
const AT_MOST = 1_000;
/** A receiver's wish holds for all of its webhook, ms at most. */
const LONGEST_HOLD_MS = 3_600_000;
/** A webhook, as this process sees it. */
export interface Traffic {
  underWay: number;
  /** Failures since something was taken. */
  failed: number;
  /** Not before, ms since 1970: nothing is due, or the receiver wished so. */
  nextAt: number;
  heldUntil: number;
}

/** A failure, or something taken. @param now ms since 1970 */
export const noteAnswer = (traffic: Traffic, { taken, retryAfter }: PostedEvent, now: number): void => {
  traffic.failed = taken ? 0 : traffic.failed + 1;
  if (!taken && retryAfter !== undefined) traffic.heldUntil = now + Math.min(retryAfter, LONGEST_HOLD_MS);
};

const keyOf = ({ tenant, name }: TenantWebhook): string => `${tenant}/${name}`;

/** What is under way, by webhook and by tenant. */
export const createTraffic = () => {
  const traffics = new Map<string, Traffic>();
  const ofTenants = new Map<string, number>();
  const ofTenant = (tenant: string): number => ofTenants.get(tenant) ?? 0;
  return {
    ofTenant,
    of(placed: TenantWebhook): Traffic {
      const key = keyOf(placed);
      const traffic = traffics.get(key) ?? { underWay: 0, failed: 0, nextAt: 0, heldUntil: 0 };
      traffics.set(key, traffic);
      return traffic;
    },
    count(tenant: string, traffic: Traffic, by: 1 | -1): void {
      traffic.underWay += by;
      ofTenants.set(tenant, ofTenant(tenant) + by);
      if (ofTenant(tenant) === 0) ofTenants.delete(tenant);
    },
    /** How many more of a webhook may be under way. */
    roomOf(tenant: string, traffic: Traffic, inAll: number): number {
      const own = traffic.failed >= OFTEN ? OF_FAILING : OF_WEBHOOK;
      const room = Math.min(own - traffic.underWay, OF_TENANT - ofTenant(tenant), IN_ALL - inAll);
      return room <= 0 && ofTenant(tenant) === 0 && inAll < AT_MOST ? 1 : room;
    },
    /** @param name of a webhook; all of the tenant where it is not given */
    look(tenant: string, name?: string): void {
      for (const [key, traffic] of traffics)
        if (name === undefined ? key.startsWith(`${tenant}/`) : key === `${tenant}/${name}`) traffic.nextAt = 0;
    },
    forgetOthers(all: TenantWebhook[]): void {
      const there = new Set(all.map(keyOf));
      for (const [key, traffic] of traffics) if (!there.has(key) && traffic.underWay === 0) traffics.delete(key);
    },
  };
};

/** A pause that can be cut short. */
export const createRest = () => {
  let end = (): void => undefined;
  return {
    wake: (): void => end(),
    async rest(this: void, ms: number): Promise<void> {
      const over = new AbortController();
      const woken = new Promise<void>((resolve) => (end = resolve));
      await Promise.race([woken, pause(ms, undefined, { signal: over.signal, ref: false }).catch(() => undefined)]);
      over.abort();
    },
  };
};
