// What a look at the due queues sees where more are due than it asks for: something of each tenant.
import { createSchedule, DUE_NOW } from '../../libs/jobs/layout/schedule';
import { KEYS } from '../../libs/store/redis/keys';
import { useBareRedis } from '../support/redis/bare-redis';

const bare = useBareRedis();
beforeEach(() => bare.redis.del(KEYS.due));

const announceAll = (names: string[], at: number) =>
  bare.redis.zadd(KEYS.due, ...names.flatMap((name) => [String(at), name]));
const queuesOf = (tenant: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${tenant}.q${String(n).padStart(6, '0')}`);

test('a tenant with very many due queues hides nobody', async () => {
  const schedule = createSchedule(bare.redis);
  await announceAll(queuesOf('a', 4_000), DUE_NOW);
  await announceAll(['b.app', ...queuesOf('c', 3)], DUE_NOW + 1);
  const { queues } = await schedule.look(10, 0);
  expect(queues).toHaveLength(10);
  expect(queues.slice(0, 3)).toEqual(['a.q000000', 'b.app', 'c.q000000']);
  expect(queues.filter((name) => name.startsWith('c.'))).toHaveLength(3);
});

test('behind the first 5,000 it reads on somewhere else each time', async () => {
  const schedule = createSchedule(bare.redis);
  for (let from = 0; from < 20; from++)
    await announceAll(queuesOf(`a`, 30_000).slice(from * 1_500, (from + 1) * 1_500), DUE_NOW);
  await schedule.announce('b.app', 1);
  const seen = await Promise.all([0, 0.5, 0.99].map(async (from) => (await schedule.look(10, from)).queues));
  expect(seen.map((queues) => queues.includes('b.app'))).toEqual([false, false, true]);
});

test('where fewer are due than it asks for, those that have been due the longest are first', async () => {
  const schedule = createSchedule(bare.redis);
  await announceAll(['a.later'], 2);
  await announceAll(['a.sooner', 'b.sooner'], 1);
  expect((await schedule.look(10, 0)).queues).toEqual(['a.sooner', 'b.sooner', 'a.later']);
});
