// The connections that a server allows, shared by all replicas: each holds rights in Redis, and lets go of those it does not use.
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../runtime/clock';
import type { Redis } from './redis';
import { adoptRights, lower, renewRights, takeRight } from './connection-scripts';
import { createSockets, type Sockets } from './sockets';

/** The keys of one transport: rights, and how far its connections are lowered. */
export interface RightsKeys {
  rights: string;
  lowered: string;
}

/** The right to use one connection. */
export interface Right {
  giveBack: () => void;
  /** The server would not have that connection: it is closed, and fewer are used for a while, by all replicas. */
  refused: (words: string) => Promise<Lowered>;
}

/** What a refused connection came to. */
export interface Lowered {
  /** Connections of the transport that others have open. With none, it is not for their number that the server refuses. */
  others: number;
  /** So many are used from now on. */
  most: number;
  /** Whether that is fewer than before. */
  changed: boolean;
}

export interface ConnectionRights {
  /**
   * @param id of the transport
   * @param most connections at once over all replicas; undefined for any number
   * @returns the right to use one connection, or when to ask again (ms since 1970)
   */
  take(id: string, keys: RightsKeys, most: number | undefined): Promise<Right | { until: number }>;
  /** The same, before all who ask later on this replica. @throws the signal's reason */
  wait(id: string, keys: RightsKeys, most: number | undefined, signal: AbortSignal): Promise<Right>;
  /** The right to a connection of a transport that may have any number. */
  free(id: string, keys: RightsKeys): Right;
  /** The connections of the transport are counted from now on: so are those that this replica has open. */
  adopt(id: string, keys: RightsKeys, most: number | undefined): Promise<void>;
  sockets: Sockets;
  stop(): Promise<void>;
}

/** A worker that vanished gives its rights back after this; a living one renews them. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** An unused right is kept so long for the next email, and beyond that while a connection is still open under it. */
const SPARE_MS = 1_500;
/** Who waits for a right asks again after this. */
const SOON_MS = 100;
/** Lowered connections rise by one after each of these without a refusal. */
const RISE_MS = 30_000;
/** After this without a refusal nothing is remembered of it. */
const LOWERED_MS = 600_000;

/** Rights of one transport on this replica. */
interface Held {
  keys: RightsKeys;
  /** What the transport allowed when a right was asked for last; -1 for any number. */
  most: number;
  inUse: Set<string>;
  spare: Map<string, NodeJS.Timeout>;
  /** Who waits to be given the next one. */
  waiting: Set<(right: Right) => void>;
}

export const createConnectionRights = (deps: { redis: Redis; clock: Clock; replica: string }): ConnectionRights => {
  const { redis } = deps;
  const held = new Map<string, Held>();
  let count = 0;
  let stopped = false;

  const ofTransport = (id: string, keys: RightsKeys): Held => {
    const known = held.get(id) ?? { keys, most: -1, inUse: new Set(), spare: new Map(), waiting: new Set() };
    held.set(id, known);
    return known;
  };
  const rightsOf = (id: string): number => {
    const mine = held.get(id);
    return mine === undefined ? 0 : mine.inUse.size + mine.spare.size;
  };
  const sockets = createSockets(rightsOf);

  const tidy = (id: string, { inUse, spare, waiting }: Held): void => {
    if (inUse.size + spare.size + waiting.size === 0) held.delete(id);
  };
  const forget = (id: string, token: string): void => {
    const mine = held.get(id);
    if (mine === undefined) return;
    clearTimeout(mine.spare.get(token));
    mine.spare.delete(token);
    mine.inUse.delete(token);
    tidy(id, mine);
  };

  const letGo = async (id: string, token: string): Promise<void> => {
    const rights = held.get(id)?.keys.rights;
    forget(id, token);
    // What cannot be given back now ends by itself.
    if (rights !== undefined) await redis.zrem(rights, token).catch(() => undefined);
  };

  /** Lets go of an unused right as soon as no connection is open under it. */
  const keepSpare = (id: string, token: string, ms: number): void => {
    const expire = (): void => {
      if (sockets.counts(id) >= rightsOf(id)) keepSpare(id, token, SOON_MS);
      else void letGo(id, token);
    };
    held.get(id)?.spare.set(token, setTimeout(expire, ms));
  };

  /** What was opened while nobody counted is counted from now on, until it is closed. */
  const adopt = async (id: string, keys: RightsKeys, most: number): Promise<void> => {
    const tokens: string[] = [];
    for (let missing = sockets.opened(id) - rightsOf(id); missing > 0; missing--) {
      const token = `${deps.replica}:${count++}`;
      tokens.push(token);
      ofTransport(id, keys).most = most;
      keepSpare(id, token, SPARE_MS);
    }
    if (tokens.length > 0) await adoptRights(redis, [keys.rights], [LEASE_MS, ...tokens]);
  };

  /** @param own of the refused connection; one that was adopted stands for one that had none */
  const refused = async (id: string, keys: RightsKeys, own: string, most: number, words: string): Promise<Lowered> => {
    const [spare = ''] = held.get(id)?.spare.keys() ?? [];
    const token = own !== '' || rightsOf(id) <= sockets.opened(id) ? own : spare;
    if (token !== '') forget(id, token);
    await adopt(id, keys, most);
    const args = [token, RISE_MS, most, sockets.opened(id), LOWERED_MS, words];
    const [others, now, changed] = (await lower(redis, [keys.rights, keys.lowered], args)) as [number, number, number];
    return { others, most: now, changed: changed === 1 };
  };

  /** A right that is used until it is given back. */
  const use = (id: string, keys: RightsKeys, token: string, most: number): Right => {
    const mine = ofTransport(id, keys);
    mine.most = most;
    clearTimeout(mine.spare.get(token));
    mine.spare.delete(token);
    mine.inUse.add(token);
    return {
      giveBack() {
        if (!mine.inUse.delete(token)) return;
        const [next] = mine.waiting;
        if (next !== undefined) {
          mine.waiting.delete(next);
          next(use(id, keys, token, most));
        } else if (stopped || mine.most !== most) void letGo(id, token);
        else keepSpare(id, token, SPARE_MS);
      },
      refused: (words) => refused(id, keys, token, most, words),
    };
  };

  /** What others have by now, since this replica stood still, is not used for another email. */
  const renew = async (id: string, { keys, inUse, spare }: Held): Promise<void> => {
    const gone = (await renewRights(redis, [keys.rights], [LEASE_MS, ...inUse, ...spare.keys()])) as string[];
    for (const token of gone) forget(id, token);
  };
  const renewal = setInterval(() => {
    for (const [id, mine] of held) renew(id, mine).catch(() => undefined);
  }, RENEW_MS);
  renewal.unref();

  const free = (id: string, keys: RightsKeys, most = -1): Right => ({
    giveBack: () => undefined,
    refused: (words) => refused(id, keys, '', most, words),
  });

  const take: ConnectionRights['take'] = async (id, keys, limit) => {
    const most = limit ?? -1;
    const known = held.get(id);
    const spare = [...(known?.spare.keys() ?? [])];
    // What was allowed when they were taken may be too many now.
    if (known?.most !== most) await Promise.all(spare.map((token) => letGo(id, token)));
    else if (spare[0] !== undefined) return use(id, keys, spare[0], most);
    const token = `${deps.replica}:${count++}`;
    const taken = await takeRight(redis, [keys.rights, keys.lowered], [token, RISE_MS, most, LEASE_MS]);
    if (taken === 1) return use(id, keys, token, most);
    if (taken === 0) return { until: deps.clock.now() + SOON_MS };
    return free(id, keys, most);
  };

  /** The next right that is given back here within a moment. */
  const handed = async (id: string, mine: Held): Promise<Right | undefined> => {
    let waiter: (right: Right) => void = () => undefined;
    const given = new Promise<Right>((resolve) => (waiter = resolve));
    mine.waiting.add(waiter);
    await Promise.race([given, pause(SOON_MS)]);
    const none = mine.waiting.delete(waiter);
    tidy(id, mine);
    return none ? undefined : given;
  };

  return {
    take,
    async wait(id, keys, most, signal) {
      for (;;) {
        const right = await take(id, keys, most);
        if (!('until' in right)) return right;
        const next = await handed(id, ofTransport(id, keys));
        if (!signal.aborted && next !== undefined) return next;
        next?.giveBack();
        signal.throwIfAborted();
      }
    },
    free,
    adopt: (id, keys, most = -1) => adopt(id, keys, most),
    sockets,
    async stop() {
      stopped = true;
      clearInterval(renewal);
      await Promise.all([...held].flatMap(([id, { spare }]) => [...spare.keys()].map((token) => letGo(id, token))));
    },
  };
};
