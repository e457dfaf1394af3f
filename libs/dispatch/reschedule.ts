// Decides when a queue is looked at again, after a replica has let go of it.
import type { Clock } from '../runtime/clock';
import type { QueueAddress } from '../mail/address/queue-address';
import type { Redis } from '../store/redis/redis';
import type { Schedule } from '../jobs/layout/schedule';
import { recoverAndTell, type OnRecovered } from './recover-stalled';
import { readQueueDepth } from '../jobs/read/queue-depth';
import { STALLED_CHECK_MS, type EmailQueue } from '../jobs/layout/queues';

/** A queue that was looked into, as far as it matters here. */
export interface Looked {
  name: string;
  queue: EmailQueue;
  /** When its rate allows more, ms since 1970. */
  rateStopUntil: number;
  /** Others wait for its room: it goes to the end of those that are due, and calls nobody. */
  gaveWay: boolean;
}

/**
 * The announcement of the queue is moved a little ahead first, the queue is looked into after, and only an announcement
 * that is still ours is taken away: an email that was added in between is seen here, one added later announces itself
 * again (see `Schedule.announce`), and whatever fails leaves the queue announced.
 * @param deps.lookBy looks at the due queues at this time (ms) at the latest
 */
export const createReschedule = (deps: {
  redis: Redis;
  schedule: Schedule;
  clock: Clock;
  permission: (address: QueueAddress) => Promise<{ enabled: boolean }>;
  lookBy: (at: number) => void;
  onRecovered: OnRecovered;
}) => {
  const { schedule, lookBy } = deps;

  const lookAt = async (name: string, at: number, instead?: number): Promise<void> => {
    await schedule.lookAgain(name, at, instead);
    lookBy(at);
  };

  return async ({ name, queue, rateStopUntil, gaveWay }: Looked): Promise<void> => {
    const now = deps.clock.now();
    const soon = now + STALLED_CHECK_MS;
    if (rateStopUntil > now) {
      await schedule.stopUntil(name, rateStopUntil);
      return lookBy(rateStopUntil);
    }
    await lookAt(name, soon);
    const peek = await readQueueDepth(deps.redis, queue);
    if (peek.active > 0) await recoverAndTell(queue, deps.onRecovered);
    const { enabled } = await deps.permission(queue.address);
    const times = [
      ...(peek.waiting > 0 && !peek.paused && enabled ? [now] : []),
      // A worker that is gone leaves active emails; whoever looks in time finds them.
      ...(peek.active > 0 ? [soon] : []),
      ...(peek.nextDelayedAt !== undefined && !peek.paused && enabled ? [peek.nextDelayedAt] : []),
    ];
    if (times.length === 0) return schedule.forget(name, soon);
    const next = Math.min(...times);
    if (next > soon || gaveWay) return lookAt(name, next, soon);
    await schedule.announce(name, next);
    lookBy(next);
  };
};
