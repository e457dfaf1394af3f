// How many workers come to a queue that becomes due, and who comes later: over made-up clocks, with as many workers as wanted.
import { EventEmitter } from 'node:events';
import { createLog } from '../runtime/log';
import { CHANNELS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import type { Schedule } from '../jobs/layout/schedule';
import { createDueWatcher } from './due-watcher';

const QUEUE = 'acme.app';

/** Numbers that fill 0 to 1 evenly: as many fall below a bound as its share, give or take one. */
let step = 0;
const evenly = () => () => (++step * 0.618_033_988_75) % 1;

/** Workers over one made-up Redis in which one queue is due. @returns how often each came */
const startWorkers = (count: number) => {
  let due: string[] = [];
  const came = new Array<number>(count).fill(0);
  const watches = came.map((_, index) => {
    const subscriber = Object.assign(new EventEmitter(), { status: 'ready', subscribe: () => Promise.resolve(1) });
    const watch = createDueWatcher({
      schedule: {
        look: () => Promise.resolve({ queues: due }),
        listeners: () => Promise.resolve(count),
      } as unknown as Schedule,
      subscriber: subscriber as unknown as Redis,
      clock: { now: () => Date.now() },
      log: createLog('test', 'silent'),
      random: evenly(),
      most: 100,
      onDue: () => void came.splice(index, 1, (came[index] ?? 0) + 1),
    });
    watch.start();
    return { watch, subscriber };
  });
  return {
    visits: () => came.reduce((sum, times) => sum + times, 0),
    came: () => came.filter((times) => times > 0).length,
    announce: () => {
      due = [QUEUE];
      for (const { subscriber } of watches) subscriber.emit('message', CHANNELS.wake, `${QUEUE} 0`);
    },
    takeAway: () => void (due = []),
    stop: () => watches.forEach(({ watch }) => watch.stop()),
  };
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('with a few workers all come at once', async () => {
  const workers = startWorkers(3);
  await jest.advanceTimersByTimeAsync(10);
  workers.announce();
  expect(workers.came()).toBe(3);
  workers.stop();
});

test('with many only some come to a small queue, and all to one that stays due', async () => {
  const workers = startWorkers(400);
  await jest.advanceTimersByTimeAsync(10);
  workers.announce();
  expect(workers.came()).toBeGreaterThanOrEqual(1);
  expect(workers.came()).toBeLessThanOrEqual(6);
  const atOnce = workers.came();
  workers.takeAway();
  await jest.advanceTimersByTimeAsync(3_000);
  expect(workers.came()).toBe(atOnce);
  workers.announce();
  await jest.advanceTimersByTimeAsync(3_000);
  expect(workers.came()).toBe(400);
  workers.stop();
});

test('to a queue that is called again and again some come at once each time', async () => {
  const workers = startWorkers(4);
  await jest.advanceTimersByTimeAsync(10);
  const nobody: number[] = [];
  for (let call = 0; call < 40; call++) {
    const before = workers.visits();
    workers.announce();
    if (workers.visits() === before) nobody.push(call);
    workers.takeAway();
    await jest.advanceTimersByTimeAsync(5);
  }
  expect(nobody).toEqual([]);
  workers.stop();
});
