// How Redis is asked to wait until a write is on its disk or its replicas.
import { messageOf } from '../../runtime/fault';
import { UnusableRedis } from '../redis/format';
import { redisFault, whenReady, type Redis } from '../redis/redis';

/** A wait is over after this, ms. */
export const PATIENCE_MS = 2_000;
/** Redis answers before, with how far it has come. */
const WAIT_MS = PATIENCE_MS - 200;
/** A question that Redis did not answer is asked again after this, ms. */
const AGAIN_MS = 1_000;

/** This Redis cannot do what ROHRPOST_DURABILITY asks for. */
export class DurabilityUnfit extends UnusableRedis {
  override name = 'DurabilityUnfit';
}

/** How a wait is put: Redis answers when it is over, with a number of servers (`WAIT`) or of disks first (`WAITAOF`). */
export interface Wait {
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
    if (redisFault(error) !== undefined) throw error;
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
export interface Waits {
  /** Undefined where Redis' answer alone means that its disk has it. */
  now: () => Wait | undefined;
  /** Why nothing can be vouched for at present. */
  unfit: () => string | undefined;
  /** Waits for Redis. @throws DurabilityUnfit */
  requireFit: () => Promise<void>;
}

export const replicaWaits = (count: number): Waits => {
  const wait = waitForReplicas(count);
  return { now: () => wait, unfit: () => undefined, requireFit: () => Promise.resolve() };
};

/** Another Redis may answer after each time that the connection was lost, with another configuration. */
export const createDiskWaits = (main: Redis): Waits => {
  let wait: Wait | undefined = WAIT_FOR_DISK;
  let unfit: string | undefined;
  let again: NodeJS.Timeout | undefined;
  /** Again and again until it fits: its configuration may be changed while it runs. */
  const look = async (): Promise<void> => {
    clearTimeout(again);
    try {
      wait = await waitForDisk(main);
      unfit = undefined;
    } catch (error) {
      unfit = messageOf(error);
      clearTimeout(again);
      again = setTimeout(() => void look(), AGAIN_MS).unref();
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
