// What a write waits for: asked of a real Redis, with replicas that are not there, disks that are not written, connections that break.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisServer } from '../../dev/redis';
import type { DurabilityChoice } from '../../libs/mail/settings/durability-choice';
import { createDurability, type Durability } from '../../libs/store/durability/durability';
import { DurabilityUnfit } from '../../libs/store/durability/waits';
import { createLog } from '../../libs/runtime/log';
import { connectRedis, NotDurable } from '../../libs/store/redis/redis';
import { startTestRedis } from '../support/redis/test-redis';
import { eventually } from '../support/wait';

let folder: string;
let primary: RedisServer;
let replica: RedisServer;
let main: Redis;
const opened: Redis[] = [];

const open = (): Redis => {
  const redis = new Redis(primary.url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  opened.push(redis);
  return redis;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-durability-'));
  primary = await startTestRedis({ dataDir: join(folder, 'primary'), plain: true });
  replica = await startTestRedis({ dataDir: join(folder, 'replica'), plain: true });
  main = new Redis(primary.url);
  await main.ping();
});
afterAll(async () => {
  for (const redis of [main, ...opened]) redis.disconnect();
  await replica.kill('SIGKILL');
  await primary.stop();
  await rm(folder, { recursive: true, force: true });
});

const create = (kind: DurabilityChoice['kind'], replicas = 1): Durability =>
  createDurability({ choice: { kind, replicas }, main, open });

/** Until both connections know where they lead. */
const untilKnown = (durability: Durability): Promise<void> =>
  eventually(async () => {
    await durability
      .durably(() => Promise.resolve())
      .catch((error: unknown) => {
        if (String(error).includes('has just been made')) throw error;
      });
  });

const waits = async (): Promise<number> =>
  Number(/^cmdstat_wait:calls=(\d+)/m.exec(await main.info('commandstats'))?.[1] ?? 0);

test('memory waits for nothing and opens nothing', async () => {
  const before = opened.length;
  const { durably, requireFit } = create('memory');
  await requireFit();
  expect(await durably(() => main.set('a', '1'))).toBe('OK');
  expect([opened.length, await waits()]).toEqual([before, 0]);
});

test('disk: a Redis that does not say what is on its disk is refused, one that always writes it is not', async () => {
  const knowsWaitAof = ((await main.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[])[0] !== null;
  const durability = create('disk');
  if (!knowsWaitAof) {
    await expect(durability.requireFit()).rejects.toThrow(DurabilityUnfit);
    await expect(durability.requireFit()).rejects.toThrow(/appendfsync always/);
    await main.config('SET', 'appendfsync', 'always');
  }
  await durability.requireFit();
  await untilKnown(durability);
  expect(await durability.durably(() => main.set('b', '1'))).toBe('OK');
});

test('disk: a configuration that no longer vouches is found when the connection comes back, told, and found mended without another break', async () => {
  const durability = create('disk');
  await main.config('SET', 'appendfsync', 'always');
  await durability.requireFit();
  await untilKnown(durability);
  expect(await durability.problem()).toBeUndefined();
  await main.config('SET', 'appendonly', 'no');
  const back = new Promise((resolve) => main.once('ready', resolve));
  await main.call('CLIENT', 'KILL', 'ID', String(await main.client('ID')), 'SKIPME', 'no').catch(() => undefined);
  await back;
  await eventually(async () => expect(await durability.problem()).toMatch(/set appendonly yes/));
  await expect(durability.durably(() => main.set('never', '1'))).rejects.toThrow(NotDurable);
  expect(await main.exists('never')).toBe(0);
  await main.config('SET', 'appendonly', 'yes');
  await eventually(async () => expect(await durability.problem()).toBeUndefined());
  expect(await durability.durably(() => main.set('again', '1'))).toBe('OK');
});

test('replica: without one the write is made and not vouched for; then none is made before a wait is over, and many at once share few', async () => {
  const durability = create('replica');
  await eventually(async () => {
    const refused: unknown = await durability.durably(() => main.set('first', '1')).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NotDurable);
    expect(String(refused)).not.toContain('has just been made');
  });
  expect(await main.exists('first')).toBe(1);
  const before = await waits();
  const begun = performance.now();
  const writes = Array.from({ length: 200 }, (_, n) => durability.durably(() => main.set(`c${n}`, '1')));
  const settled = await Promise.allSettled(writes);
  expect(performance.now() - begun).toBeLessThan(4_000);
  for (const one of settled) expect((one as PromiseRejectedResult).reason).toBeInstanceOf(NotDurable);
  expect(await main.exists('c0', 'c199')).toBe(0);
  expect((await waits()) - before).toBeLessThanOrEqual(2);
});

test('replica: with one it is vouched for; not where two are asked for, nor where a connection broke since', async () => {
  const link = await replica.connect();
  await link.call('CONFIG', 'SET', 'masterauth', primary.password);
  await link.call('REPLICAOF', '127.0.0.1', String(primary.port));
  await eventually(async () => expect(await link.info('replication')).toContain('master_link_status:up'));
  const durability = create('replica');
  await untilKnown(durability);
  const before = await waits();
  const writes = Array.from({ length: 200 }, (_, n) => durability.durably(() => main.set(`d${n}`, '1')));
  expect(await Promise.all(writes)).toHaveLength(200);
  expect((await waits()) - before).toBeLessThan(20);
  // What it vouched for is there, on the replica.
  expect(await link.get('d199')).toBe('1');

  const own = opened.at(-1);
  const broken = durability.durably(async () => {
    await main.set('e', '1');
    await main.call('CLIENT', 'KILL', 'ID', String(await own?.client('ID')));
    await eventually(() => expect(own?.status).toBe('ready'));
  });
  await expect(broken).rejects.toThrow(NotDurable);
  const two = create('replica', 2);
  await untilKnown(two);
  await expect(two.durably(() => main.set('f', '1'))).rejects.toThrow(/WAIT answered 1/);
  link.disconnect();
});

test('replica: a failover behind one address ends by itself, although the old primary lives on and closes no connection', async () => {
  const servers = [];
  for (const name of ['first', 'second'])
    servers.push(await startTestRedis({ dataDir: join(folder, name), plain: true }));
  const [first, second] = servers;
  if (first === undefined || second === undefined) throw new Error('two servers are needed');
  const [ofFirst, ofSecond] = [await first.connect(), await second.connect()];
  const follow = async (link: Redis, leader: RedisServer): Promise<void> => {
    await link.config('SET', 'masterauth', first.password);
    await link.call('REPLICAOF', '127.0.0.1', String(leader.port));
    await eventually(async () => expect(await link.info('replication')).toContain('master_link_status:up'), {
      timeout: 20_000,
    });
  };
  // One address has one password.
  await ofSecond.config('SET', 'requirepass', first.password);
  await follow(ofSecond, first);
  let leader = first;
  const address = createServer((client) => {
    const server = connect(leader.port, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one
        .on('error', () => other.destroy())
        .on('close', () => other.destroy())
        .pipe(other);
  });
  await new Promise<void>((resolve) => address.listen(0, '127.0.0.1', resolve));
  const { port } = address.address() as AddressInfo;
  const url = first.url.replace(String(first.port), String(port));
  const log = createLog('test', 'silent');
  const links: ReturnType<typeof connectRedis>[] = [];
  const openThere = () => {
    const link = connectRedis({ url, patience: 'fail-fast', name: `durable-${links.length}`, log });
    links.push(link);
    return link;
  };
  try {
    const shared = openThere();
    const durability = createDurability({ choice: { kind: 'replica', replicas: 1 }, main: shared, open: openThere });
    const written = () =>
      eventually(async () => expect(await durability.durably(() => shared.set('g', '1'))).toBe('OK'), {
        timeout: 20_000,
      });
    await written();
    await ofSecond.call('REPLICAOF', 'NO', 'ONE');
    leader = second;
    await follow(ofFirst, second);
    await written();
    expect(await durability.problem()).toBeUndefined();
    expect(await ofSecond.get('g')).toBe('1');
  } finally {
    for (const link of [...links, ofFirst, ofSecond]) link.disconnect();
    address.close();
    for (const server of servers) await server.kill('SIGKILL');
  }
});
