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
 * When this worker comes to which due queue: the more workers there are, the fewer come at once. All times are of the process'
 * own running time (ms), which nobody can set.
 */
const createComing = (schedule: Schedule, random: () => number) => {
  let workers = { at: -Infinity, count: 1 };
  /** One that is not due any more is forgotten by the next look. */
  let coming = new Map<string, number>();
  const decide = (now: number): number => {
    const [earliest, latest] = COME_LATER;
    const atOnce = workers.count <= COME_AT_ONCE || random() < COME_AT_ONCE / workers.count;
    return atOnce ? now : now + earliest + random() * (latest - earliest);
  };
  return {
    /** Looks what is due. @returns when this worker comes to each, and when the next one becomes due */
    async look(now: number, most: number): Promise<{ due: ReadonlyMap<string, number>; nextIn?: number | undefined }> {
      if (now - workers.at >= COUNT_MS) workers = { at: now, count: await schedule.listeners() };
      const { queues, nextIn } = await schedule.look(most, random());
      coming = new Map(queues.map((queue) => [queue, coming.get(queue) ?? decide(now)]));
      return { due: coming, nextIn };
    },
    /**
     * A call says that the queue was not due before, so it is decided anew: else a queue that is called often would soon find
     * all workers decided to come later. @returns when it comes
     */
    called(queue: string, now: number): number {
      const decided = coming.get(queue) ?? 0;
      const comes = Math.min(decide(now), decided > now ? decided : Infinity);
      coming.set(queue, comes);
      return comes;
    },
  };
};

type Call = ReturnType<typeof parseWake>;

/** Hears the calls that a queue is due. @param heard told when it begins to hear @returns ends it */
const hearCalls = (subscriber: Redis, onCall: (call: Call) => void, heard: () => void): (() => void) => {
  const subscribe = (): void => {
    // What was called out while nobody listened is found in the sorted set. A failed subscription means a lost
    // connection; the next `ready` subscribes again.
    subscriber.subscribe(CHANNELS.wake).then(heard, () => undefined);
  };
  const onMessage = (channel: string, message: string): void => {
    if (channel === CHANNELS.wake) onCall(parseWake(message));
  };
  subscriber.on('message', onMessage);
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'ready') subscribe();
  return () => {
    subscriber.off('message', onMessage);
    subscriber.off('ready', subscribe);
  };
};

/** One timer, of the earliest of all the times that were asked for; `wake` is called then. */
const createAlarm = (wake: () => void) => {
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;
  return {
    /** @param ms from now */
    within(ms: number): void {
      const wait = Math.max(0, Math.min(ms, LONGEST_WAIT_MS));
      if (uptime() + wait >= timerAt) return;
      clearTimeout(timer);
      timerAt = uptime() + wait;
      timer = setTimeout(wake, wait);
    },
    /** It has woken: what is asked for from now on counts anew. */
    over: (): void => void (timerAt = Infinity),
    stop: (): void => clearTimeout(timer),
  };
};

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
  let stopHearing = (): void => undefined;
  const coming = createComing(deps.schedule, deps.random);
  const alarm = createAlarm(() => void look());

  const lookIn = (ms: number): void => {
    if (running) alarm.within(ms);
  };

  const look = async (): Promise<void> => {
    alarm.over();
    try {
      const now = uptime();
      const { due, nextIn = Infinity } = await coming.look(now, deps.most);
      for (const [queue, at] of due) {
        if (at <= now) deps.onDue(queue);
        else lookIn(at - uptime());
      }
      // What is due and stays so is in work here or elsewhere; the look again finds what another replica left.
      if (due.size > 0) lookIn(LOOK_AGAIN_MS);
      lookIn(nextIn);
    } catch (error) {
      if (running) deps.log.error({ error }, 'the due queues could not be read; trying again');
      lookIn(LOOK_AGAIN_MS);
    }
  };

  const onCall = ({ queue, at }: Call): void => {
    if (!running) return;
    const wait = at - deps.clock.now();
    if (wait > 0) return lookIn(wait);
    const now = uptime();
    const comes = coming.called(queue, now);
    if (comes <= now) deps.onDue(queue);
    // While anything is due, a look now and then finds those whose call was not heard.
    lookIn(comes <= now ? LOOK_AGAIN_MS : comes - now);
  };

  return {
    start() {
      running = true;
      stopHearing = hearCalls(deps.subscriber, onCall, () => lookIn(0));
      lookIn(0);
    },
    stop() {
      running = false;
      alarm.stop();
      stopHearing();
    },
    lookBy: (at) => lookIn(at - deps.clock.now()),
  };
};
