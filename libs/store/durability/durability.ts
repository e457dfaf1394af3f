// Waits until what was written is on Redis' disk or its replicas (docs/decisions/0027-restore-and-durability.md).
import { setTimeout as pause } from 'node:timers/promises';
import type { DurabilityChoice } from '../../mail/settings/durability-choice';
import { messageOf } from '../../runtime/fault';
import { KEYS } from '../redis/keys';
import { NotDurable, whenReady, type Redis } from '../redis/redis';

/** A wait is over after this, ms. */
const PATIENCE_MS = 2_000;
/** Redis answers before, with how far it has come. */
const WAIT_MS = PATIENCE_MS - 200;
/** Who comes while another wait is under way waits for its end, and then for the next one's. */
const LONGEST_MS = 2 * PATIENCE_MS;
/** A question that Redis did not answer is asked again after this, ms. */
const AGAIN_MS = 1_000;

/** This Redis cannot do what ROHRPOST_DURABILITY asks for. */
export class DurabilityUnfit extends Error {
  override name = 'DurabilityUnfit';
}

/**
 * Writes, and waits until that is as durable as was chosen.
 * @throws NotDurable where it is not, 2 s after the wait began; whatever `write` throws
 */
export type Durably = <T>(write: () => Promise<T>) => Promise<T>;

export interface Durability {
  durably: Durably;
  /** Waits for Redis. @throws DurabilityUnfit */
  requireFit: () => Promise<void>;
}

/** Nothing is waited for. */
const IN_MEMORY: Durability = { durably: (write) => write(), requireFit: () => Promise.resolve() };

/** How a wait is put: Redis answers when it is over, with a number of servers (`WAIT`) or of disks first (`WAITAOF`). */
interface Wait {
  command: [name: string, ...args: number[]];
  isReached: (answer: unknown) => boolean;
}

const waitForReplicas = (count: number): Wait => ({
  command: ['WAIT', count, WAIT_MS],
  isReached: (answer) => Number(answer) >= count,
});

const WAIT_FOR_DISK: Wait = {
  command: ['WAITAOF', 1, 0, WAIT_MS],
  isReached: (answer) => Number((answer as unknown[])[0]) >= 1,
};

/**
 * How this Redis tells of its disk (Redis 7.2, Valkey 8: WAITAOF).
 * @returns undefined where each of its answers means that the disk has it
 * @throws DurabilityUnfit
 */
const waitForDisk = async (redis: Redis): Promise<Wait | undefined> => {
  const info = await redis.info('persistence');
  if (/^aof_enabled:1/m.test(info) && ((await redis.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[])[0] !== null)
    return WAIT_FOR_DISK;
  const answer = await redis.call('CONFIG', 'GET', '*append*').catch((error: unknown) => {
    throw new DurabilityUnfit(
      `ROHRPOST_DURABILITY=disk: this Redis has no WAITAOF and does not tell its configuration: ${messageOf(error)}`,
    );
  });
  const pairs = answer as string[];
  const setting = (name: string): string | undefined => pairs[pairs.indexOf(name) + 1];
  const isFit =
    setting('appendonly') === 'yes' &&
    setting('appendfsync') === 'always' &&
    setting('no-appendfsync-on-rewrite') === 'no';
  if (isFit) return undefined;
  throw new DurabilityUnfit(
    'ROHRPOST_DURABILITY=disk: this Redis has no WAITAOF (Redis 7.2, Valkey 8) or appendonly is off: set appendonly yes, appendfsync always and no-appendfsync-on-rewrite no, or upgrade it',
  );
};

/** How a process waits now, and why it cannot. */
interface Waits {
  /** Undefined where Redis' answer alone means that its disk has it. */
  now: () => Wait | undefined;
  /** Why nothing can be vouched for at present. */
  unfit: () => string | undefined;
  /** Waits for Redis. @throws DurabilityUnfit */
  requireFit: () => Promise<void>;
}

const replicaWaits = (count: number): Waits => {
  const wait = waitForReplicas(count);
  return { now: () => wait, unfit: () => undefined, requireFit: () => Promise.resolve() };
};

/** Another Redis may answer after each time that the connection was lost, with another configuration. */
const createDiskWaits = (main: Redis): Waits => {
  let wait: Wait | undefined = WAIT_FOR_DISK;
  let unfit: string | undefined;
  const look = async (): Promise<void> => {
    try {
      wait = await waitForDisk(main);
      unfit = undefined;
    } catch (error) {
      unfit = messageOf(error);
      if (!(error instanceof DurabilityUnfit)) setTimeout(() => void look(), AGAIN_MS).unref();
    }
  };
  return {
    now: () => wait,
    unfit: () => unfit,
    async requireFit() {
      await whenReady(main);
      wait = await waitForDisk(main);
      main.on('ready', () => {
        unfit = 'it is not known yet how the Redis that answers now writes to its disk';
        void look();
      });
    },
  };
};

/** What a connection was opened to: a new one each time that it comes back. */
interface Peer {
  /** Of the server process; Redis makes a new one at each of its starts. */
  runId: string;
}

/** @returns the server that the connection leads to now, undefined until that is known */
const watchPeer = (redis: Redis): (() => Peer | undefined) => {
  let peer: Peer | undefined;
  let connection = 0;
  const ask = async (): Promise<void> => {
    const asked = ++connection;
    const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
    if (asked === connection && runId !== undefined) peer = { runId };
  };
  const begin = (): void => {
    const failed = connection + 1;
    ask().catch(() => setTimeout(() => failed === connection && begin(), AGAIN_MS).unref());
  };
  redis.on('ready', begin);
  redis.on('close', () => {
    connection++;
    peer = undefined;
  });
  if (redis.status === 'ready') begin();
  return () => peer;
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
  const [peerOfMain, peerOfOwn] = [watchPeer(main), watchPeer(own)];
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
  return {
    async durably(write) {
      const unfit = waits.unfit();
      if (unfit !== undefined) throw fail(unfit);
      if (waits.now() === undefined) return write();
      const [before, witness] = [peerOfMain(), peerOfOwn()];
      // What nobody could vouch for afterwards is not written.
      if (before === undefined || before.runId !== witness?.runId)
        throw fail('the connection to Redis has just been made');
      if (isFailing) await reach();
      const result = await write();
      await reach();
      if (peerOfMain() !== before || peerOfOwn() !== witness) throw fail('the connection to Redis was lost meanwhile');
      return result;
    },
    requireFit: waits.requireFit,
  };
};
