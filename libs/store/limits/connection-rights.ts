// The connections that a server allows, shared by all replicas: each holds rights in Redis, and lets go of those it does not use.
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock';
import type { Redis } from '../redis/redis';
import { renewRights, takeRight, type Lowered, type RightsKeys } from './connection-scripts';
import { createHeldRights, type Held, type HeldRights } from './held-rights';
import { createLowering, RISE_MS } from './lowering';
import { createSockets, type CountedSockets, type Sockets } from './sockets';

/** The right to use one connection. */
export interface Right {
  giveBack: () => void;
  /** The server would not have that connection: it is closed, and fewer are used for a while, by all replicas. */
  refused: (words: string) => Promise<Lowered>;
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
  adopt(id: string, keys: RightsKeys): Promise<void>;
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

/** The next right that is given back here within a moment. */
const handed = async (held: HeldRights<Right>, id: string, keys: RightsKeys): Promise<Right | undefined> => {
  const { waiting } = held.of(id, keys);
  let waiter: (right: Right) => void = () => undefined;
  const given = new Promise<Right>((resolve) => (waiter = resolve));
  waiting.add(waiter);
  await Promise.race([given, pause(SOON_MS)]);
  const none = waiting.delete(waiter);
  held.tidy(id);
  return none ? undefined : given;
};

/** Asks again and again, and takes what is handed on meanwhile. @throws the signal's reason */
const untilRight = async (
  take: () => Promise<Right | { until: number }>,
  handedOn: () => Promise<Right | undefined>,
  signal: AbortSignal,
): Promise<Right> => {
  for (;;) {
    const right = await take();
    if (!('until' in right)) return right;
    const next = await handedOn();
    if (!signal.aborted && next !== undefined) return next;
    next?.giveBack();
    signal.throwIfAborted();
  }
};

/** Renews what is held. What others have by now, since this replica stood still, is not used for another email. */
const renewAll = (redis: Redis, held: HeldRights<Right>): (() => void) => {
  const renew = async (id: string, { keys, inUse, spare }: Held<Right>): Promise<void> => {
    const gone = (await renewRights(redis, [keys.rights], [LEASE_MS, ...inUse, ...spare.keys()])) as string[];
    for (const token of gone) held.forget(id, token);
  };
  const timer = setInterval(() => {
    for (const [id, mine] of held.all()) renew(id, mine).catch(() => undefined);
  }, RENEW_MS);
  timer.unref();
  return () => clearInterval(timer);
};

type Handle = (id: string, keys: RightsKeys, token: string, most: number, giveBack: () => void) => Right;

/** Rights in use; given back, they are handed on, or kept for the next email, and let go of when none comes. */
const createHolding = (redis: Redis, held: HeldRights<Right>, sockets: CountedSockets, handle: Handle) => {
  let stopped = false;

  const letGo = async (id: string, token: string): Promise<void> => {
    const rights = held.get(id)?.keys.rights;
    held.forget(id, token);
    // What cannot be given back now ends by itself.
    if (rights !== undefined) await redis.zrem(rights, token).catch(() => undefined);
  };

  /** Lets go of an unused right as soon as no connection is open under it. */
  const keepSpare = (id: string, keys: RightsKeys, token: string, ms: number): void => {
    const expire = (): void => {
      if (sockets.counts(id) >= held.count(id)) keepSpare(id, keys, token, SOON_MS);
      else void letGo(id, token);
    };
    held.of(id, keys).spare.set(token, setTimeout(expire, ms));
  };

  /** A right that is used until it is given back. */
  const use = (id: string, keys: RightsKeys, token: string, most: number): Right => {
    const mine = held.of(id, keys);
    mine.most = most;
    clearTimeout(mine.spare.get(token));
    mine.spare.delete(token);
    mine.inUse.add(token);
    return handle(id, keys, token, most, () => {
      if (!mine.inUse.delete(token)) return;
      const [next] = mine.waiting;
      if (next !== undefined) {
        mine.waiting.delete(next);
        next(use(id, keys, token, most));
      } else if (stopped || mine.most !== most) void letGo(id, token);
      else keepSpare(id, keys, token, SPARE_MS);
    });
  };

  const stop = async (): Promise<void> => {
    stopped = true;
    const spare = [...held.all()].flatMap(([id, mine]) => [...mine.spare.keys()].map((token) => ({ id, token })));
    await Promise.all(spare.map(({ id, token }) => letGo(id, token)));
  };

  return { letGo, keepSpare, use, stop };
};

export const createConnectionRights = (deps: { redis: Redis; clock: Clock; replica: string }): ConnectionRights => {
  const { redis } = deps;
  const held = createHeldRights<Right>();
  const sockets = createSockets((id) => held.count(id));
  let count = 0;
  const { letGo, keepSpare, use, stop } = createHolding(redis, held, sockets, (...right) => handle(...right));
  const newToken = (): string => `${deps.replica}:${count++}`;

  const lowering = createLowering({
    redis,
    held,
    sockets,
    leaseMs: LEASE_MS,
    newToken,
    spare: (id, keys, token) => keepSpare(id, keys, token, SPARE_MS),
  });
  const handle: Handle = (id, keys, token, most, giveBack) => ({
    giveBack,
    refused: (words) => lowering.refused({ id, keys, token, most, words }),
  });
  const free = (id: string, keys: RightsKeys): Right => handle(id, keys, '', -1, () => undefined);

  const take = async (id: string, keys: RightsKeys, limit: number | undefined): Promise<Right | { until: number }> => {
    const most = limit ?? -1;
    const known = held.get(id);
    const spare = [...(known?.spare.keys() ?? [])];
    // What was allowed when they were taken may be too many now.
    if (known?.most !== most) await Promise.all(spare.map((token) => letGo(id, token)));
    else if (spare[0] !== undefined) return use(id, keys, spare[0], most);
    const token = newToken();
    const taken = await takeRight(redis, [keys.rights, keys.lowered], [token, RISE_MS, most, LEASE_MS]);
    if (taken === 1) return use(id, keys, token, most);
    return taken === 0 ? { until: deps.clock.now() + SOON_MS } : free(id, keys);
  };

  const stopRenewing = renewAll(redis, held);

  return {
    take,
    wait: (id, keys, most, signal) =>
      untilRight(
        () => take(id, keys, most),
        () => handed(held, id, keys),
        signal,
      ),
    free,
    adopt: lowering.adopt,
    sockets,
    async stop() {
      stopRenewing();
      await stop();
    },
  };
};
