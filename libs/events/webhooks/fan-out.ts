// Gives each webhook the events that it wants: it reads on in the stream for each from where that one is, and for those in one place once.
import { writeEvent } from '../../mail/email/event';
import type { StoredWebhook } from '../../mail/webhooks/webhook';
import type { Clock } from '../../runtime/clock';
import { KEYS } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { deliveryId, laneOf, type Deliveries, type NewDelivery } from '../../store/webhooks/deliveries';
import { eventsAfter, type StreamedEvent } from '../read-events';
import { RETRIED_MS } from './retry-times';

/** A webhook, and whose. */
export interface TenantWebhook {
  tenant: string;
  name: string;
  webhook: StoredWebhook;
}

/** Events of one reading. */
const AT_ONCE = 500;
/** Readings that are made at once. */
const READINGS_AT_ONCE = 10;
/** A webhook with too many that wait is asked again after this, ms. */
const FULL_MS = 1_000;
/** How often it is kept how far a webhook is of which nothing happens, ms. */
const KEPT_MS = 10_000;

/** Where a webhook is, as this process knows it. */
interface Progress {
  position: string;
  kept: string;
  /** Until then too many wait. */
  fullUntil: number;
}

/** Of two positions the later one. */
const later = (a: string, b: string): string => {
  const [ams = 0, anumber = 0] = a.split('-').map(Number);
  const [bms = 0, bnumber = 0] = b.split('-').map(Number);
  return ams > bms || (ams === bms && anumber >= bnumber) ? a : b;
};

const wants = ({ events, applications }: StoredWebhook, event: StreamedEvent): boolean =>
  (events === undefined || events.includes(event.note.type)) &&
  (applications === undefined || (event.application !== undefined && applications.includes(event.application)));

const sourceOf = ({ tenant, application, note }: StreamedEvent): string =>
  note.type.startsWith('email.') ? `${tenant}.${application ?? ''}` : tenant;

const deliveryOf = (event: StreamedEvent, now: number): NewDelivery => {
  const [text, source] = [writeEvent(event.note), sourceOf(event)];
  return {
    position: event.position,
    lane: laneOf(text, source),
    delivery: { id: deliveryId(event.position), event: text, source, attempts: 0, until: now + RETRIED_MS },
  };
};

const keyOf = ({ tenant, name }: TenantWebhook): string => `${tenant}/${name}`;

interface FanOutDeps {
  redis: Redis;
  deliveries: Deliveries;
  clock: Clock;
  /** Something waits for the webhook now. */
  onAdded: (webhook: TenantWebhook) => void;
  /** Events went out of the stream before it could have them: too many waited for it for a day. */
  onMissed: (webhook: TenantWebhook) => Promise<void>;
}

/** Where webhooks are: remembered, and kept in Redis with what they were given. */
const createProgress = ({ redis, deliveries, onMissed }: FanOutDeps) => {
  const known = new Map<string, Progress>();

  const load = async (placed: TenantWebhook): Promise<Progress> => {
    const { cursor = '0-0' } = await deliveries.state(placed.tenant, placed.name);
    return { position: cursor, kept: cursor, fullUntil: 0 };
  };

  return {
    /** @param trimmed the last event that is gone from the stream */
    async of(placed: TenantWebhook, trimmed: string): Promise<Progress> {
      const progress = known.get(keyOf(placed)) ?? (await load(placed));
      known.set(keyOf(placed), progress);
      progress.position = later(progress.position, placed.webhook.from);
      if (later(progress.position, trimmed) !== progress.position) {
        await onMissed(placed);
        progress.position = trimmed;
      }
      return progress;
    },
    trimmed: async () => (await redis.hget(KEYS.events.state, 'trimmed')) ?? '0-0',
    forgetOthers(all: TenantWebhook[]): void {
      const there = new Set(all.map(keyOf));
      for (const key of known.keys()) if (!there.has(key)) known.delete(key);
    },
  };
};

/** For one run of the duty: another process may be further by the next one. @returns one step; it says whether there may be more at once */
export const createFanOut = (deps: FanOutDeps) => {
  const { redis, deliveries, clock } = deps;
  const progressOf = createProgress(deps);
  let keepAt = 0;

  const give = async (
    placed: TenantWebhook,
    progress: Progress,
    events: StreamedEvent[],
    upTo: string,
  ): Promise<void> => {
    const now = clock.now();
    const wanted = events.filter((event) => wants(placed.webhook, event)).map((event) => deliveryOf(event, now));
    const isToBeKept = wanted.length > 0 || now >= keepAt;
    if (isToBeKept && upTo !== progress.kept) {
      const added = await deliveries.add(placed.tenant, placed.name, upTo, wanted, now);
      if (added === undefined) return void (progress.fullUntil = now + FULL_MS);
      progress.kept = upTo;
      if (added > 0) deps.onAdded(placed);
    }
    progress.position = upTo;
  };

  /** Those that are in one place. @returns whether there may be more */
  const readOn = async (position: string, there: [TenantWebhook, Progress][]): Promise<boolean> => {
    const events = await eventsAfter(redis, position, AT_ONCE);
    const upTo = events.at(-1)?.position ?? position;
    const byTenant = new Map<string, StreamedEvent[]>();
    for (const event of events) {
      const ofTenant = byTenant.get(event.tenant) ?? [];
      byTenant.set(event.tenant, ofTenant);
      ofTenant.push(event);
    }
    await Promise.all(
      there.map(([placed, progress]) => give(placed, progress, byTenant.get(placed.tenant) ?? [], upTo)),
    );
    return events.length === AT_ONCE;
  };

  return async (all: TenantWebhook[]): Promise<boolean> => {
    progressOf.forgetOthers(all);
    const now = clock.now();
    const trimmed = await progressOf.trimmed();
    const byPosition = new Map<string, [TenantWebhook, Progress][]>();
    for (const placed of all) {
      const progress = await progressOf.of(placed, trimmed);
      if (progress.fullUntil > now) continue;
      const there = byPosition.get(progress.position) ?? [];
      byPosition.set(progress.position, there);
      there.push([placed, progress]);
    }
    const groups = [...byPosition];
    let isMore = false;
    for (let from = 0; from < groups.length; from += READINGS_AT_ONCE) {
      const some = groups.slice(from, from + READINGS_AT_ONCE);
      const more = await Promise.all(some.map(([position, there]) => readOn(position, there)));
      isMore ||= more.includes(true);
    }
    if (now >= keepAt) keepAt = clock.now() + KEPT_MS;
    return isMore;
  };
};
