// The embedded Redis: comes up, keeps its data, is found again, and nobody else's server is touched.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type RedisOptions, type RedisServer } from './redis';
import { findRedisBinary, type RedisBinary } from './redis-binary';
import { writePrivate } from './secrets';

let binary: RedisBinary;
let dataDir: string;
const open: RedisServer[] = [];

beforeAll(async () => {
  binary = await findRedisBinary(mkdtempSync(join(tmpdir(), 'rohrpost-redis-')));
});
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'rohrpost-redis-'));
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const start = async (more: Partial<RedisOptions> = {}): Promise<RedisServer> => {
  const server = await startRedis({ dataDir, binary, ...more });
  open.push(server);
  return server;
};

const ask = async (server: RedisServer, ...words: [string, ...string[]]): Promise<unknown> => {
  const redis = await server.connect();
  try {
    return await redis.call(...words);
  } finally {
    redis.disconnect();
  }
};

test('starts append-only and without eviction, its password in a private file', async () => {
  const server = await start();
  expect(await ask(server, 'CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'yes']);
  expect(await ask(server, 'CONFIG', 'GET', 'appendfsync')).toEqual(['appendfsync', 'everysec']);
  expect(await ask(server, 'CONFIG', 'GET', 'save')).toEqual(['save', '']);
  expect(await ask(server, 'CONFIG', 'GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  expect(await ask(server, 'CONFIG', 'GET', 'bind')).toEqual(['bind', '127.0.0.1']);
  expect(statSync(join(dataDir, 'redis.json')).mode & 0o777).toBe(0o600);
  expect(server.url).toBe(`redis://:${server.password}@127.0.0.1:${server.port}/0`);
});

test('its password shows in no list of processes', async () => {
  const server = await start();
  const list = `/proc/${server.pid}/cmdline`;
  if (existsSync(list)) expect(readFileSync(list, 'utf8')).not.toContain(server.password);
});

test('killed and started again, it has its port, its password and what was acknowledged', async () => {
  const first = await start({ extra: ['appendfsync always'] });
  await ask(first, 'SET', 'mail', 'kept – ünïcode');
  await first.kill('SIGKILL');
  const second = await start();
  expect([second.port, second.password, second.reused]).toEqual([first.port, first.password, false]);
  expect(await ask(second, 'GET', 'mail')).toBe('kept – ünïcode');
});

test('one left by an earlier run is taken over, and stopped like a new one', async () => {
  const left = await start();
  const again = await start();
  expect([again.reused, again.port, again.pid]).toEqual([true, left.port, left.pid]);
  await again.stop();
  await expect(left.connect()).rejects.toThrow('ECONNREFUSED');
});

test('a copied data folder does not take the server of the original', async () => {
  const original = await start();
  const copy = mkdtempSync(join(tmpdir(), 'rohrpost-redis-'));
  writePrivate(join(copy, 'redis.json'), readFileSync(join(dataDir, 'redis.json'), 'utf8'));
  const other = await start({ dataDir: copy });
  expect(other.reused).toBe(false);
  expect(other.port).not.toBe(original.port);
  await other.stop();
  rmSync(copy, { recursive: true });
});

test('a server that is not Redis on the recorded port is left alone', async () => {
  const first = await start();
  await first.stop();
  const stranger = createServer((socket) =>
    socket
      .on('error', () => undefined)
      .resume()
      .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  await listen(stranger, first.port);
  try {
    const second = await start();
    expect(second.port).not.toBe((stranger.address() as AddressInfo).port);
    await expect(startRedis({ dataDir: `${dataDir}/x`, binary, port: first.port })).rejects.toThrow('another program');
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
});

test('one that takes no more clients is neither started a second time nor replaced', async () => {
  const full = await start();
  const only = await full.connect();
  await only.config('SET', 'maxclients', 1);
  await expect(startRedis({ dataDir, binary })).rejects.toThrow('takes connections but does not answer');
  await only.config('SET', 'maxclients', 100);
  only.disconnect();
});

test('many run side by side, with options of their own', async () => {
  const small = { appendonly: false, extra: ['maxmemory 10mb'] };
  const servers = await Promise.all([1, 2, 3].map((n) => start({ ...small, dataDir: join(dataDir, `${n}`) })));
  expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
  for (const server of servers) {
    expect(await ask(server, 'CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', String(10 * 1024 * 1024)]);
    expect(await ask(server, 'CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'no']);
  }
});

test('a configuration that Redis refuses is told with its own words', async () => {
  await expect(start({ extra: ['no-such-option 1'] })).rejects.toThrow(/Redis did not start[^]*no-such-option/);
});

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
