// Knows when a replica must look at which queue: listens to calls, and looks at the clock only for what is due.
import type { Clock } from '../runtime/clock';
import type { Log } from '../runtime/log';
import { CHANNELS } from '../store/keys';
import type { Redis } from '../store/redis';
import { parseWake, type Due } from './due';

export interface DueWatch {
  start(): void;
  stop(): void;
  /** Looks at the due queues at `at` (ms) at the latest. */
  lookBy(at: number): void;
}

/** Queues that are due but not served here (too many, or another replica is at work) are looked for again after this. */
export const LOOK_AGAIN_MS = 1_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * @param deps.most queues asked for at once
 * @param deps.onDue called for each queue that has work now
 */
export const createDueWatch = (deps: {
  due: Due;
  subscriber: Redis;
  clock: Clock;
  log: Log;
  most: number;
  onDue: (queue: string) => void;
}): DueWatch => {
  let running = false;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;

  const lookBy = (at: number): void => {
    if (!running || at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(() => void look(), Math.max(0, Math.min(at - deps.clock.now(), LONGEST_TIMER)));
  };

  const look = async (): Promise<void> => {
    timerAt = Infinity;
    try {
      const now = deps.clock.now();
      const due = await deps.due.dueNow(now, deps.most);
      for (const name of due) deps.onDue(name);
      const next = await deps.due.nextAfter(now);
      // What is due and stays so is in work here or elsewhere; the look again finds what another replica left.
      if (due.length > 0) lookBy(deps.clock.now() + LOOK_AGAIN_MS);
      if (next !== undefined) lookBy(next);
    } catch (error) {
      if (running) deps.log.error({ error }, 'the due queues could not be read; trying again');
      lookBy(deps.clock.now() + LOOK_AGAIN_MS);
    }
  };

  const subscribe = (): void => {
    // What was called out while nobody listened is found in the sorted set. A failed subscription means a lost
    // connection; the next `ready` subscribes again.
    deps.subscriber.subscribe(CHANNELS.wake).then(
      () => lookBy(deps.clock.now()),
      () => undefined,
    );
  };

  const onMessage = (channel: string, message: string): void => {
    if (channel !== CHANNELS.wake || !running) return;
    const { queue, at } = parseWake(message);
    if (at <= deps.clock.now()) deps.onDue(queue);
    else lookBy(at);
  };

  return {
    start() {
      running = true;
      deps.subscriber.on('message', onMessage);
      deps.subscriber.on('ready', subscribe);
      if (deps.subscriber.status === 'ready') subscribe();
      lookBy(deps.clock.now());
    },
    stop() {
      running = false;
      clearTimeout(timer);
      deps.subscriber.off('message', onMessage);
      deps.subscriber.off('ready', subscribe);
    },
    lookBy,
  };
};
