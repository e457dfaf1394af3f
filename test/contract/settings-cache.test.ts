// What is kept near is forgotten as soon as somebody changes it, by each reader of a process.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisServer } from '../../dev/redis';
import { createChanges } from '../../libs/store/redis/settings-cache';
import { startTestRedis } from '../support/redis/test-redis';
import { eventually } from '../support/wait';

let dataDir: string;
let server: RedisServer;
const opened: Redis[] = [];

const open = (): Redis => {
  const redis = new Redis(server.url);
  opened.push(redis);
  return redis;
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-settings-'));
  server = await startTestRedis({ dataDir, plain: true });
});
afterAll(async () => {
  for (const redis of opened) redis.disconnect();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('two readers of one kind in a process both forget, whoever announces', async () => {
  const [here, there] = [open(), open()].map((redis) => createChanges({ redis, subscriber: open() }));
  if (here === undefined || there === undefined) throw new Error('two processes are needed');
  let value = 0;
  const load = () => Promise.resolve(value);
  const readers = [here.cached('suppression', load), here.cached('suppression', load)];
  const read = () => Promise.all(readers.map((reader) => reader('acme')));
  expect(await read()).toEqual([0, 0]);
  value = 1;
  expect(await read()).toEqual([0, 0]);
  await here.announce('suppression', 'acme');
  expect(await read()).toEqual([1, 1]);
  value = 2;
  await eventually(async () => {
    await there.announce('suppression', 'acme');
    expect(await read()).toEqual([2, 2]);
  });
});
