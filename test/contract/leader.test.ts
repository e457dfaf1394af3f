// A duty that one process does at a time: who has lost it to another one stops, although its work goes on for as long as there is some.
import { runAsLeader } from '../../libs/store/redis/leader';
import { KEYS } from '../../libs/store/redis/keys';
import { useBareRedis } from '../support/redis/bare-redis';
import { deferred } from '../support/wait';

const bare = useBareRedis();
const LEASE_MS = 1_500;

test('a run whose lease another process has by now is ended; the duty is done again when it is free', async () => {
  const { redis } = bare;
  const [begun, again, ended] = [deferred(), deferred(), deferred()];
  const faults: unknown[] = [];
  let runs = 0;
  const stop = runAsLeader({
    redis,
    name: 'walk',
    every: 200,
    lease: LEASE_MS,
    replica: 'one',
    failed: (error) => faults.push(error),
    run: (signal) => {
      runs++;
      (runs === 1 ? begun : again).resolve();
      // Work without an end of its own, such as copies of a queue that always has some.
      return new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => {
          ended.resolve();
          resolve();
        }),
      );
    },
  });
  await begun.promise;
  const [seconds = 0] = (await redis.time()).map(Number);
  await redis.hset(KEYS.duty('walk'), 'holder', 'other', 'till', seconds * 1_000 + LEASE_MS, 'due', 0);
  await ended.promise;
  // The other one has vanished by the end of its lease.
  await again.promise;
  expect(await redis.hget(KEYS.duty('walk'), 'holder')).toBe('one');
  expect(faults).toEqual([]);
  await stop();
});
