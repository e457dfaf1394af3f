// Waits until what was written is on Redis' disk or its replicas (docs/decisions/0027-restore-and-durability.md).
import { setTimeout as pause } from 'node:timers/promises';
import type { DurabilityChoice } from '../../mail/settings/durability-choice';
import { messageOf } from '../../runtime/fault';
import { KEYS } from '../redis/keys';
import { NotDurable, type Redis } from '../redis/redis';
import { watchPeer } from './peer';
import { createDiskWaits, PATIENCE_MS, replicaWaits, type Wait, type Waits } from './waits';

/** Who comes while another wait is under way waits for its end, and then for the next one's. */
const LONGEST_MS = 2 * PATIENCE_MS;

/**
 * Writes, and waits until that is as durable as was chosen.
 * @throws NotDurable where it is not, 2 s after the wait began; whatever `write` throws
 */
export type Durably = <T>(write: () => Promise<T>) => Promise<T>;

export interface Durability {
  durably: Durably;
  /** Why a write would not be vouched for now; asks Redis where the last wait failed. Never rejects. */
  problem: () => Promise<string | undefined>;
  /** Waits for Redis. @throws DurabilityUnfit */
  requireFit: () => Promise<void>;
}

/** Nothing is waited for. */
const IN_MEMORY: Durability = {
  durably: (write) => write(),
  problem: () => Promise.resolve(undefined),
  requireFit: () => Promise.resolve(),
};

/** One wait at a time: who comes while one is under way shares the next. */
const createShared = (work: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        running = next ?? Promise.resolve();
        next = undefined;
        return work();
      });
    next.catch(() => undefined);
    return next;
  };
};

/** @returns undefined where it took too long */
const withinPatience = async <T>(work: Promise<T>): Promise<T | undefined> => {
  const ended = new AbortController();
  const late = pause(LONGEST_MS, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort();
  }
};

/** @throws NotDurable; whatever the connection says */
const ask = async (own: Redis, { command, isReached }: Wait, fail: (why: string) => NotDurable): Promise<void> => {
  const [name, ...args] = command;
  const answers = await own
    .pipeline()
    .set(KEYS.durability, '1')
    .call(name, ...args)
    .exec();
  for (const [error] of answers ?? []) if (error !== null) throw fail(messageOf(error));
  const answer = answers?.[1]?.[1];
  if (!isReached(answer)) throw fail(`${name} answered ${JSON.stringify(answer)}`);
};

const REACHED = 'reached';

/** Connections that lead to different servers are made anew, not more often than this, ms. */
const TOGETHER_MS = 1_000;

/**
 * After a failover behind one address the old primary may live on, and keep a connection that says nothing: nobody would be told that
 * it leads to a replica by now.
 */
const createBringTogether = (main: Redis, own: Redis): (() => void) => {
  let lastAt = -Infinity;
  return () => {
    if (performance.now() - lastAt < TOGETHER_MS) return;
    lastAt = performance.now();
    for (const redis of [own, main]) redis.disconnect(true);
  };
};

interface Known {
  main: Redis;
  own: Redis;
  waits: Waits;
  fail: (why: string) => NotDurable;
}

/**
 * What nobody could vouch for afterwards is not written.
 * @returns a function that gives where both connections lead to, each time another object after a break; it throws NotDurable where
 * that is not known, not the same server, or not fit
 */
const createRequireKnown = ({ main, own, waits, fail }: Known) => {
  const [peerOfMain, peerOfOwn] = [watchPeer(main), watchPeer(own)];
  const bringTogether = createBringTogether(main, own);
  return () => {
    const unfit = waits.unfit();
    if (unfit !== undefined) throw fail(unfit);
    const peers = { main: peerOfMain(), own: peerOfOwn() };
    if (peers.main === undefined || (waits.now() !== undefined && peers.own === undefined))
      throw fail('the connection to Redis has just been made');
    if (waits.now() === undefined || peers.main.runId === peers.own?.runId) return peers;
    bringTogether();
    throw fail('its two connections lead to different servers: they are made anew');
  };
};

/**
 * `WAIT` holds up its connection, and speaks of what that connection has written: so it has one of its own, which writes
 * something small first. What was written before on another connection to the same server is before that in its stream.
 * Whether it is the same server, and still the one that has it, both connections say: where one of them was lost since,
 * nobody knows.
 * @param deps.choice memory where it is not given: nothing is waited for then, and no connection is opened
 * @param deps.main writes whatever is to be durable
 * @param deps.open opens the other connection, where it is needed
 */
export const createDurability = (deps: {
  choice: DurabilityChoice | undefined;
  main: Redis;
  open: () => Redis;
}): Durability => {
  const { choice, main } = deps;
  if (choice === undefined || choice.kind === 'memory') return IN_MEMORY;
  const own = deps.open();
  const what = choice.kind === 'disk' ? 'Redis did not write it to its disk' : 'too few replicas of Redis have it';
  const fail = (why: string): NotDurable =>
    new NotDurable(`${what} within ${PATIENCE_MS / 1_000} s (ROHRPOST_DURABILITY=${choice.kind}): ${why}`);
  const waits = choice.kind === 'replica' ? replicaWaits(choice.replicas) : createDiskWaits(main);

  /** The last wait failed. */
  let isFailing = false;
  const shared = createShared(async () => {
    const wait = waits.now();
    if (wait === undefined) return;
    try {
      await ask(own, wait, fail);
      isFailing = false;
    } catch (error) {
      isFailing = true;
      throw error;
    }
  });
  const reach = async (): Promise<void> => {
    const reached = await withinPatience(
      shared().then(
        () => REACHED,
        (error: unknown) => {
          throw error instanceof NotDurable ? error : fail(messageOf(error));
        },
      ),
    );
    if (reached !== REACHED) throw fail('there was no answer');
  };
  const requireKnown = createRequireKnown({ main, own, waits, fail });
  return {
    async durably(write) {
      const peers = requireKnown();
      if (isFailing) await reach();
      const result = await write();
      if (waits.now() !== undefined) await reach();
      const now = requireKnown();
      if (now.main !== peers.main || (waits.now() !== undefined && now.own !== peers.own))
        throw fail('the connection to Redis was lost meanwhile');
      return result;
    },
    async problem() {
      try {
        requireKnown();
        if (isFailing) await reach();
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
    requireFit: waits.requireFit,
  };
};
