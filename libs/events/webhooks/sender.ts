// Posts what waits for webhooks: in turns by tenant, so that an endpoint that is slow or fails holds up nobody else's.
import { setTimeout as pause } from 'node:timers/promises';
import { readEvent } from '../../mail/email/event';
import { parseQueueName } from '../../mail/address/queue-address';
import type { Redis } from '../../store/redis/redis';
import type { Claimed, Delivery } from '../../store/webhooks/deliveries';
import { bodiesOf, type EventBody, type StreamedEvent } from '../read-events';
import { createAttempt, type AttemptDeps } from './attempt-delivery';
import type { TenantWebhook } from './fan-out';
import { createRest, createTraffic, noteAnswer, type Traffic } from './traffic';

/** Somebody may have made one due meanwhile: looked at again after this, ms. */
const LOOK_MS = 5_000;
/** Requests that are under way when the worker stops have so long, ms. */
const STOP_MS = 2_000;

interface SenderDeps extends AttemptDeps {
  redis: Redis;
  /** What an attempt came to could not be written down: it is made again. */
  onFault: (error: unknown) => void;
}

/** The event of a delivery, as it lay in the stream. */
const eventOf = ({ event, source }: Delivery): StreamedEvent => {
  const note = readEvent(event);
  const ofTenant = { tenant: source, ...(note.type.startsWith('queue.') && { application: note.id ?? '' }) };
  return { position: '', note, ...(parseQueueName(source) ?? ofTenant) };
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

export const createSender = (deps: SenderDeps): Sender => {
  const { redis, deliveries, clock } = deps;
  const attempt = createAttempt(deps);
  const traffics = createTraffic();
  const underWay = new Set<Promise<void>>();
  let stopping = new AbortController();
  const { wake, rest } = createRest();

  const run = async (placed: TenantWebhook, traffic: Traffic, claimed: Claimed, body: EventBody): Promise<void> => {
    try {
      const posted = await attempt(placed, claimed, body, stopping.signal);
      if (posted !== undefined) noteAnswer(traffic, posted, clock.now());
    } catch (error) {
      deps.onFault(error);
    } finally {
      traffics.count(placed.tenant, traffic, -1);
      traffic.nextAt = 0;
      wake();
    }
  };

  const begin = async (placed: TenantWebhook): Promise<void> => {
    const { tenant, name } = placed;
    const [traffic, now] = [traffics.of(placed), clock.now()];
    if (now < traffic.nextAt || now < traffic.heldUntil) return;
    const room = traffics.roomOf(tenant, traffic, underWay.size);
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
      traffics.count(tenant, traffic, 1);
      const running = run(placed, traffic, one, body).finally(() => underWay.delete(running));
      underWay.add(running);
    }
  };

  return {
    async turn(all) {
      traffics.forgetOthers(all);
      if (stopping.signal.aborted) stopping = new AbortController();
      // Whoever has the fewest under way comes first.
      const ordered = [...all].sort((a, b) => traffics.ofTenant(a.tenant) - traffics.ofTenant(b.tenant));
      for (const placed of ordered) await begin(placed);
    },
    look(tenant, name) {
      traffics.look(tenant, name);
      wake();
    },
    rest,
    async stop() {
      const ended = Promise.allSettled([...underWay]);
      await Promise.race([ended, pause(STOP_MS, undefined, { ref: false })]);
      stopping.abort(new Error('the worker stops'));
      await ended;
    },
  };
};
