// What a webhook is told and was told: deliveries that wait, in the order of each email, and the last that are done with.
import { webhookKeys } from './webhook-keys';
import type { Redis } from '../redis/redis';
import { addDeliveries, claimDue, DONE_WITH_MS, againNow, settleClaimed, tidyDone } from './delivery-scripts';

/** One event for one webhook. */
export interface Delivery {
  /** `evt_<ms>-<number>`: of the event, so the same at each attempt and at each webhook; sorts by time. */
  id: string;
  /** The event, as `writeEvent` wrote it. */
  event: string;
  /** The queue `tenant.application`, or the tenant, that it happened in. */
  source: string;
  attempts: number;
  /** No attempt begins after this, ms since 1970. */
  until: number;
  /** Not there: it waits. */
  ended?: 'delivered' | 'failed';
  /** What came of the last attempt. */
  answer?: DeliveryAnswer;
}

export interface DeliveryAnswer {
  /** Of HTTP; not there where nothing was answered. */
  status?: number;
  /** How the answer begins, or why there is none. */
  text: string;
}

/** A delivery whose attempt is under way. */
export interface Claimed {
  delivery: Delivery;
  /** Whoever settles it shows this: nobody else has taken it meanwhile. */
  claim: number;
}

/** How a webhook is. */
export interface WebhookState {
  /** How far of the stream of events it has what it wants. */
  cursor?: string;
  waiting: number;
  /** ms since 1970, both: nothing was taken since then; when it last took something. */
  failingSince?: number;
  deliveredAt?: number;
}

export interface Deliveries {
  /**
   * Adds those of events that it does not have yet, in their order.
   * @param upTo the position of the last event that was looked at
   * @returns how many were new; undefined where too many wait: none was added, and `upTo` does not count
   */
  add(tenant: string, name: string, upTo: string, events: NewDelivery[], now: number): Promise<number | undefined>;
  /**
   * Takes those that are due. Each is due again after a while, where whoever took it does not settle it.
   * @returns them, and when the next one is due
   */
  claim(tenant: string, name: string, most: number, now: number): Promise<{ claimed: Claimed[]; nextAt?: number }>;
  /**
   * After an attempt. The next one of its email is due once this one has ended.
   * @param nextAt ms since 1970; undefined where it has ended
   * @param counts did the attempt tell whether the webhook works?
   * @returns since when the webhook fails, ms; undefined where it does not, or somebody else took the delivery meanwhile
   */
  settle(
    tenant: string,
    name: string,
    settled: Claimed & { nextAt?: number; counts: boolean },
    now: number,
  ): Promise<number | undefined>;
  /** Is sent now, for another day; one that waits behind another of its email keeps its turn. @returns undefined where there is none */
  again(tenant: string, name: string, id: string, until: number, now: number): Promise<Delivery | undefined>;
  has(tenant: string, name: string, id: string): Promise<boolean>;
  state(tenant: string, name: string): Promise<WebhookState>;
  /** Newest first. @param before an id; those after it in this order are given */
  list(tenant: string, name: string, page: { before?: string; limit: number }): Promise<ShownDelivery[]>;
  /** Removes those that were done with for longer than they are kept. */
  tidy(tenant: string, name: string, now: number): Promise<void>;
}

export interface NewDelivery {
  /** Of the event in its stream. */
  position: string;
  /** What it happened to: deliveries of the same wait for each other. */
  lane: string;
  delivery: Delivery;
}

export interface ShownDelivery {
  delivery: Delivery;
  /** ms since 1970; not there where it is done with, or waits behind another one. */
  nextAt?: number;
}

/** The id of an event's deliveries. @param position of the event in its stream */
export const deliveryId = (position: string): string => {
  const [ms = '', number = ''] = position.split('-');
  return `evt_${ms}-${number.padStart(6, '0')}`;
};

export const DELIVERY_ID = /^evt_\d{1,15}-\d{6,18}$/;

/** What an event of this kind waits behind: others of the same email, transport or queue. */
export const laneOf = (event: string, source: string): string => {
  const [type = '', , id = ''] = event.split('|');
  return `${type.split('.')[0]}:${source}:${id}`;
};

/** The key of a done delivery that is the oldest to be kept. */
const oldestKept = (now: number): string => `evt_${now - DONE_WITH_MS}`;

/** What is shown of them. */
const createReading = (redis: Redis): Pick<Deliveries, 'has' | 'state' | 'list'> => ({
  async has(tenant, name, id) {
    return (await redis.hexists(webhookKeys(tenant, name).deliveries, id)) === 1;
  },
  async state(tenant, name) {
    const keys = webhookKeys(tenant, name);
    const [[cursor, failing, delivered], waiting] = await Promise.all([
      redis.hmget(keys.state, 'cursor', 'failing', 'delivered'),
      redis.zcard(keys.waiting),
    ]);
    return {
      waiting,
      ...(cursor && { cursor }),
      ...(failing && { failingSince: Number(failing) }),
      ...(delivered && { deliveredAt: Number(delivered) }),
    };
  },
  async list(tenant, name, { before, limit }) {
    const keys = webhookKeys(tenant, name);
    const from = before === undefined ? '+' : `(${before}`;
    const found = await Promise.all(
      [keys.waiting, keys.done].map((key) => redis.zrevrangebylex(key, from, '-', 'LIMIT', 0, limit)),
    );
    const ids = found.flat().sort().reverse().slice(0, limit);
    if (ids.length === 0) return [];
    const [texts, dueAt] = await Promise.all([redis.hmget(keys.deliveries, ...ids), redis.zmscore(keys.due, ...ids)]);
    return ids.flatMap((_, index) => {
      const [text, at] = [texts[index], dueAt[index]];
      if (typeof text !== 'string') return [];
      return [{ delivery: JSON.parse(text) as Delivery, ...(typeof at === 'string' && { nextAt: Number(at) }) }];
    });
  },
});

/** What attempts do, and people who want another one. */
const createWriting = (redis: Redis): Omit<Deliveries, 'has' | 'state' | 'list'> => ({
  async add(tenant, name, upTo, events, now) {
    const args = events.flatMap(({ position, lane, delivery }) => [
      position,
      delivery.id,
      lane,
      JSON.stringify(delivery),
    ]);
    const added = Number(await addDeliveries(redis, tenant, name, [name, upTo, now, ...args]));
    return added < 0 ? undefined : added;
  },
  async claim(tenant, name, most, now) {
    const [next, claim, ...records] = (await claimDue(redis, tenant, name, [name, now, most])) as string[];
    return {
      claimed: records.map((text) => ({ delivery: JSON.parse(text) as Delivery, claim: Number(claim) })),
      ...(next !== undefined && next !== '' && { nextAt: Number(next) }),
    };
  },
  async settle(tenant, name, { delivery, claim, nextAt, counts }, now) {
    const { id, event, source, ended } = delivery;
    const how = !counts ? '' : ended === 'delivered' ? 'taken' : 'failed';
    const args = [name, id, laneOf(event, source), JSON.stringify(delivery), claim, nextAt ?? '', now, how];
    const since = Number(await settleClaimed(redis, tenant, name, [...args, oldestKept(now)]));
    return since > 0 ? since : undefined;
  },
  async again(tenant, name, id, until, now) {
    for (;;) {
      const text = await redis.hget(webhookKeys(tenant, name).deliveries, id);
      if (text === null) return undefined;
      const next: Delivery = { ...(JSON.parse(text) as Delivery), until };
      delete next.ended;
      const args = [name, id, text, JSON.stringify(next), now];
      if (Number(await againNow(redis, tenant, name, args)) === 1) return next;
    }
  },
  async tidy(tenant, name, now) {
    await tidyDone(redis, tenant, name, [oldestKept(now)]);
  },
});

export const createDeliveries = ({ redis }: { redis: Redis }): Deliveries => ({
  ...createReading(redis),
  ...createWriting(redis),
});
