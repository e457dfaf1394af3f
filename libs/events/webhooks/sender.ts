// Posts what waits for webhooks: in turns by tenant, so that an endpoint that is slow or fails holds up nobody else's.
import { setTimeout as pause } from 'node:timers/promises';
import { readEvent } from '../../mail/email/event';
import { parseQueueName } from '../../mail/address/queue-address';
import type { Fetcher } from '../../fetch/fetcher';
import type { Clock } from '../../runtime/clock';
import type { Redis } from '../../store/redis/redis';
import type { Claimed, Deliveries, Delivery } from '../../store/webhooks/deliveries';
import type { Webhooks } from '../../store/webhooks/webhooks';
import { messageOf } from '../../runtime/fault';
import { bodiesOf, type EventBody, type StreamedEvent } from '../read-events';
import type { TenantWebhook } from './fan-out';
import { postEvent, type PostedEvent } from './post-event';
import { FAILING_MS, retryDelay } from './retry-times';

/** Requests under way at once: to a webhook, to one that failed so often in a row, to all of a tenant, in all. */
const OF_WEBHOOK = 10;
const [OFTEN, OF_FAILING] = [5, 1];
const OF_TENANT = 20;
const IN_ALL = 300;
/** A tenant that has none under way gets one beyond these. */
const AT_MOST = 1_000;
/** Somebody may have made one due meanwhile: looked at again after this, ms. */
const LOOK_MS = 5_000;
/** A receiver's wish holds for all of its webhook, ms at most. */
const LONGEST_HOLD_MS = 3_600_000;
/** Requests that are under way when the worker stops have so long, ms. */
const STOP_MS = 2_000;

/** A webhook, as this process sees it. */
interface Traffic {
  underWay: number;
  /** Failures since something was taken. */
  failed: number;
  /** Not before, ms since 1970: nothing is due, or the receiver wished so. */
  nextAt: number;
  heldUntil: number;
}

interface SenderDeps {
  redis: Redis;
  webhooks: Webhooks;
  deliveries: Deliveries;
  fetcher: Fetcher;
  clock: Clock;
  /** It was switched off. @param why for people */
  onSwitchedOff: (webhook: TenantWebhook, why: string) => Promise<void>;
  /** What an attempt came to could not be written down: it is made again. */
  onFault: (error: unknown) => void;
}

const keyOf = ({ tenant, name }: TenantWebhook): string => `${tenant}/${name}`;

/** The event of a delivery, as it lay in the stream. */
const eventOf = ({ event, source }: Delivery): StreamedEvent => {
  const note = readEvent(event);
  const ofTenant = { tenant: source, ...(note.type.startsWith('queue.') && { application: note.id ?? '' }) };
  return { position: '', note, ...(parseQueueName(source) ?? ofTenant) };
};

/** What follows from an answer. @param now ms since 1970 */
const settledOf = ({ delivery, claim }: Claimed, posted: PostedEvent, now: number) => {
  const attempts = delivery.attempts + 1;
  const { status, text, taken, retryAfter } = posted;
  // The last one is made when the time is over, whatever the pauses have grown to.
  const nextAt = Math.min(now + retryDelay(attempts, retryAfter), delivery.until);
  const isOver = taken || status === 410 || now >= delivery.until;
  const answer = { ...(status !== undefined && { status }), text };
  const ended = taken ? ('delivered' as const) : ('failed' as const);
  return {
    claim,
    delivery: { ...delivery, attempts, answer, ...(isOver && { ended }) },
    ...(!isOver && { nextAt }),
    counts: true,
  };
};

/** Posts one and settles it. */
const createAttempt = (deps: SenderDeps) => {
  const { webhooks, deliveries, clock } = deps;

  /** Where nothing was taken for a day, or the endpoint says that it is gone for good. */
  const switchOff = async (placed: TenantWebhook, posted: PostedEvent, failingSince: number): Promise<void> => {
    const { tenant, name, webhook } = placed;
    const now = clock.now();
    const isGone = posted.status === 410;
    const isFailing = now - Math.max(failingSince, webhook.onSince) >= FAILING_MS;
    if (!isGone && !isFailing) return;
    const said = posted.status === undefined ? posted.text : `${posted.status} ${posted.text}`.trim();
    const text = isGone ? `it answered ${said}` : `it took nothing for a day, and answered last: ${said}`;
    const why = { at: new Date(now).toISOString(), reason: isGone ? ('gone' as const) : ('failing' as const), text };
    if (await webhooks.switchOff(tenant, name, webhook.onSince, why)) await deps.onSwitchedOff(placed, text);
  };

  const post = async (
    placed: TenantWebhook,
    id: string,
    body: EventBody,
    signal: AbortSignal,
  ): Promise<PostedEvent> => {
    const { tenant, name, webhook } = placed;
    let secrets: string[];
    try {
      secrets = webhooks.secrets(tenant, name, webhook);
    } catch (error) {
      return { taken: false, text: messageOf(error), ms: 0 };
    }
    return postEvent(deps.fetcher, { url: webhook.url, secrets, id, body, at: clock.now(), signal });
  };

  /** @returns what was answered; undefined where the worker stopped before */
  return async (
    placed: TenantWebhook,
    claimed: Claimed,
    body: EventBody,
    signal: AbortSignal,
  ): Promise<PostedEvent | undefined> => {
    const { tenant, name } = placed;
    const posted = await post(placed, claimed.delivery.id, body, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    const now = clock.now();
    if (posted === undefined) {
      await deliveries.settle(tenant, name, { ...claimed, nextAt: now, counts: false }, now);
      return undefined;
    }
    const failingSince = await deliveries.settle(tenant, name, settledOf(claimed, posted, now), now);
    if (failingSince !== undefined || posted.status === 410) await switchOff(placed, posted, failingSince ?? now);
    return posted;
  };
};

export interface Sender {
  /** One turn: begins what may be begun now. */
  turn(all: TenantWebhook[]): Promise<void>;
  /** Something became due. @param name of a webhook; all of the tenant where it is not given */
  look(tenant: string, name?: string): void;
  /** Resolves when a request has ended, or after so many ms. */
  rest(ms: number): Promise<void>;
  /** Requests under way may end; those that do not are made again by somebody else. */
  stop(): Promise<void>;
}

/** How many more of a webhook may be under way. */
const roomOf = (traffic: Traffic, ofTenant: number, inAll: number): number => {
  const own = traffic.failed >= OFTEN ? OF_FAILING : OF_WEBHOOK;
  const room = Math.min(own - traffic.underWay, OF_TENANT - ofTenant, IN_ALL - inAll);
  return room <= 0 && ofTenant === 0 && inAll < AT_MOST ? 1 : room;
};

export const createSender = (deps: SenderDeps): Sender => {
  const { redis, deliveries, clock } = deps;
  const attempt = createAttempt(deps);
  const traffics = new Map<string, Traffic>();
  const ofTenants = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  let stopping = new AbortController();
  let wake = (): void => undefined;

  const trafficOf = (key: string): Traffic => {
    const traffic = traffics.get(key) ?? { underWay: 0, failed: 0, nextAt: 0, heldUntil: 0 };
    traffics.set(key, traffic);
    return traffic;
  };

  const count = (tenant: string, traffic: Traffic, by: number): void => {
    traffic.underWay += by;
    ofTenants.set(tenant, (ofTenants.get(tenant) ?? 0) + by);
    if (ofTenants.get(tenant) === 0) ofTenants.delete(tenant);
  };

  const run = async (placed: TenantWebhook, traffic: Traffic, claimed: Claimed, body: EventBody): Promise<void> => {
    try {
      const posted = await attempt(placed, claimed, body, stopping.signal);
      if (posted === undefined) return;
      traffic.failed = posted.taken ? 0 : traffic.failed + 1;
      if (!posted.taken && posted.retryAfter !== undefined)
        traffic.heldUntil = clock.now() + Math.min(posted.retryAfter, LONGEST_HOLD_MS);
    } catch (error) {
      deps.onFault(error);
    } finally {
      count(placed.tenant, traffic, -1);
      traffic.nextAt = 0;
      wake();
    }
  };

  const begin = async (placed: TenantWebhook): Promise<void> => {
    const { tenant, name } = placed;
    const [traffic, now] = [trafficOf(keyOf(placed)), clock.now()];
    if (now < traffic.nextAt || now < traffic.heldUntil) return;
    const room = roomOf(traffic, ofTenants.get(tenant) ?? 0, underWay.size);
    if (room <= 0) return;
    traffic.nextAt = now + LOOK_MS;
    const { claimed, nextAt } = await deliveries.claim(tenant, name, room, now);
    if (nextAt !== undefined) traffic.nextAt = Math.min(traffic.nextAt, nextAt);
    const bodies = await bodiesOf(
      redis,
      claimed.map(({ delivery }) => eventOf(delivery)),
    );
    for (const [index, one] of claimed.entries()) {
      const body = bodies[index];
      if (body === undefined) continue;
      count(tenant, traffic, 1);
      const running = run(placed, traffic, one, body).finally(() => underWay.delete(running));
      underWay.add(running);
    }
  };

  return {
    async turn(all) {
      const there = new Set(all.map(keyOf));
      for (const [key, traffic] of traffics) if (!there.has(key) && traffic.underWay === 0) traffics.delete(key);
      if (stopping.signal.aborted) stopping = new AbortController();
      // Whoever has the fewest under way comes first.
      const ordered = [...all].sort((a, b) => (ofTenants.get(a.tenant) ?? 0) - (ofTenants.get(b.tenant) ?? 0));
      for (const placed of ordered) await begin(placed);
    },
    look(tenant, name) {
      for (const [key, traffic] of traffics)
        if (name === undefined ? key.startsWith(`${tenant}/`) : key === `${tenant}/${name}`) traffic.nextAt = 0;
      wake();
    },
    async rest(ms) {
      const over = new AbortController();
      const woken = new Promise<void>((resolve) => (wake = resolve));
      await Promise.race([woken, pause(ms, undefined, { signal: over.signal, ref: false }).catch(() => undefined)]);
      over.abort();
    },
    async stop() {
      const ended = Promise.allSettled([...underWay]);
      await Promise.race([ended, pause(STOP_MS, undefined, { ref: false })]);
      stopping.abort(new Error('the worker stops'));
      await ended;
    },
  };
};
