// Knows when a replica must look at which queue: listens to calls, and looks at the clock only for what is due.
import { uptime, type Clock } from '../runtime/clock';
import type { Log } from '../runtime/log';
import { CHANNELS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import { parseWake, type Schedule } from '../jobs/layout/schedule';

export interface DueWatcher {
  start(): void;
  stop(): void;
  /** Looks at the due queues at `at` (ms) at the latest. */
  lookBy(at: number): void;
}

/**
 * A queue that becomes due calls all workers, and an email is taken by one; who comes for nothing costs Redis as much. So
 * about so many come at once, by chance. The others come later, each at a moment of its own between `[earliest, latest]` (ms),
 * if the queue is still due then: because nobody came (1 in 20), or because it has work for more. `npm run bench --
 * fleet-model` shows what it is good for; docs/scaling.md explains it.
 */
const COME_AT_ONCE = 3;
const COME_LATER = [50, 1_000] as const;
/** Workers are counted so often. */
const COUNT_MS = 10_000;

/** Queues that are due but not served here (too many, or another replica is at work) are looked for again after this. */
export const LOOK_AGAIN_MS = 1_000;
/**
 * It looks this often whatever was announced: clocks are set, and calls are missed. Half of what is promised for the
 * lateness after a step of Redis' clock, which is asked less often than every look (libs/store/redis/redis-clock.ts).
 */
const LONGEST_WAIT_MS = 15_000;

/**
 * @param deps.most queues asked for at once
 * @param deps.onDue called for each queue that has work now
 */
export const createDueWatcher = (deps: {
  schedule: Schedule;
  subscriber: Redis;
  clock: Clock;
  log: Log;
  random: () => number;
  most: number;
  onDue: (queue: string) => void;
}): DueWatcher => {
  let running = false;
  // All times in here are of the process' own running time (ms), which nobody can set.
  let workers = { at: -Infinity, count: 1 };
  /** Due queues, and when this worker comes to each; one that is not due any more is forgotten by the next look. */
  let coming = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;

  const lookIn = (ms: number): void => {
    const wait = Math.max(0, Math.min(ms, LONGEST_WAIT_MS));
    if (!running || uptime() + wait >= timerAt) return;
    clearTimeout(timer);
    timerAt = uptime() + wait;
    timer = setTimeout(() => void look(), wait);
  };

  /** When this worker comes to a queue that has become due. */
  const decide = (now: number): number => {
    const [earliest, latest] = COME_LATER;
    const atOnce = workers.count <= COME_AT_ONCE || deps.random() < COME_AT_ONCE / workers.count;
    return atOnce ? now : now + earliest + deps.random() * (latest - earliest);
  };

  const countWorkers = async (now: number): Promise<void> => {
    if (now - workers.at < COUNT_MS) return;
    workers = { at: now, count: await deps.schedule.listeners() };
  };

  const look = async (): Promise<void> => {
    timerAt = Infinity;
    try {
      const now = uptime();
      await countWorkers(now);
      const { queues, nextIn = Infinity } = await deps.schedule.look(deps.most, deps.random());
      coming = new Map(queues.map((queue) => [queue, coming.get(queue) ?? decide(now)]));
      for (const [queue, at] of coming) {
        if (at <= now) deps.onDue(queue);
        else lookIn(at - uptime());
      }
      // What is due and stays so is in work here or elsewhere; the look again finds what another replica left.
      if (queues.length > 0) lookIn(LOOK_AGAIN_MS);
      lookIn(nextIn);
    } catch (error) {
      if (running) deps.log.error({ error }, 'the due queues could not be read; trying again');
      lookIn(LOOK_AGAIN_MS);
    }
  };

  const subscribe = (): void => {
    // What was called out while nobody listened is found in the sorted set. A failed subscription means a lost
    // connection; the next `ready` subscribes again.
    deps.subscriber.subscribe(CHANNELS.wake).then(
      () => lookIn(0),
      () => undefined,
    );
  };

  const onMessage = (channel: string, message: string): void => {
    if (channel !== CHANNELS.wake || !running) return;
    const { queue, at } = parseWake(message);
    const wait = at - deps.clock.now();
    if (wait > 0) return lookIn(wait);
    const now = uptime();
    // A call says that it was not due before: what was decided for an earlier time is over.
    const decided = coming.get(queue) ?? 0;
    const comes = decided > now ? decided : decide(now);
    coming.set(queue, comes);
    if (comes <= now) deps.onDue(queue);
    // While anything is due, a look now and then finds those whose call was not heard.
    lookIn(comes <= now ? LOOK_AGAIN_MS : comes - now);
  };

  return {
    start() {
      running = true;
      deps.subscriber.on('message', onMessage);
      deps.subscriber.on('ready', subscribe);
      if (deps.subscriber.status === 'ready') subscribe();
      lookIn(0);
    },
    stop() {
      running = false;
      clearTimeout(timer);
      deps.subscriber.off('message', onMessage);
      deps.subscriber.off('ready', subscribe);
    },
    lookBy: (at) => lookIn(at - deps.clock.now()),
  };
};
