// What a script meets while its slot moves to another node of a Redis Cluster.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../libs/runtime/log';
import { connectRedis, whenReady, type Redis } from '../../libs/store/redis/redis';
import { defineScript } from '../../libs/store/redis/script';
import { ask, nodeId, startRedisCluster, type RedisCluster } from '../support/redis/redis-cluster';
import { eventually } from '../support/wait';

let folder: string;
let cluster: RedisCluster;
let redis: Redis;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  cluster = await startRedisCluster({ dataDir: folder, primaries: 2 });
  redis = connectRedis({ url: cluster.url, patience: 'wait', name: 'test', log: createLog('test', 'silent') });
  await whenReady(redis);
});
afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

// Like the scripts of queues: one key is named, which is only how others begin.
const countTwice = defineScript(`
redis.call('INCR', KEYS[1] .. 'first')
redis.call('INCR', KEYS[1] .. 'second')
return 1`);

test('a script is not begun while its keys are on two nodes, and done once when they are together again', async () => {
  const slot = String(await ask<number>(cluster, 'CLUSTER', 'KEYSLOT', '{moving}'));
  const [one, other] = cluster.nodes;
  if (one === undefined || other === undefined) throw new Error('there are two nodes');
  const [from, to] = Number(slot) < 8_192 ? [one, other] : [other, one];
  await countTwice(redis, ['{moving}:'], []);

  await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', await nodeId(from));
  await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', await nodeId(to));
  const migrate = (key: string) =>
    ask(from, 'MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000', 'AUTH', to.password);
  await migrate('{moving}:second');
  const refused = /errorstat_TRYAGAIN:count=(\d+)/;
  const done = countTwice(redis, ['{moving}:'], []);
  await eventually(async () => {
    const told = await Promise.all(cluster.nodes.map((node) => ask<string>(node, 'INFO', 'errorstats')));
    expect(told.some((text) => Number(refused.exec(text)?.[1] ?? 0) > 1)).toBe(true);
  });
  await migrate('{moving}:first');
  for (const node of [to, from]) await ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', await nodeId(to));
  await done;
  expect(await redis.mget('{moving}:first', '{moving}:second')).toEqual(['2', '2']);
});
