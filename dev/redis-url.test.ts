// Whether the Redis of REDIS_URL answers, asked of real servers: one of ours, and those that people name by mistake.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type RedisServer } from './redis';
import { requireRedis } from './redis-url';

let redis: RedisServer;
let dataDir: string;
const open: Server[] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'rohrpost-redis-'));
  redis = await startRedis({ dataDir, extra: [`unixsocket ${socket()}`] });
});
afterAll(async () => {
  for (const server of open) server.close();
  await redis.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const socket = (): string => join(dataDir, 'redis.sock');

/** @returns the URL of a server that is no Redis */
const named = async (onSocket: (socket: Socket) => unknown): Promise<string> => {
  const server = createServer((socket) => void onSocket(socket.on('error', () => undefined).resume()));
  open.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test('a server that answers is taken, with its database', async () => {
  await requireRedis(redis.url);
  await requireRedis(redis.url.replace('//:', '//default:'));
});

test('so is one behind a socket, and told of where nobody listens', async () => {
  await requireRedis(`unix://:${redis.password}@${socket()}`);
  await expect(requireRedis('unix:///nowhere/redis.sock')).rejects.toThrow(
    'unix:///nowhere/redis.sock does not answer',
  );
});

test.each<[string, () => string | Promise<string>, string]>([
  ['nobody listens', () => 'redis://127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1'],
  ['a web server', () => named((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), 'not a Redis server'],
  ['it hangs up at once', () => named((socket) => socket.end()), 'the connection was closed'],
  [
    'it hangs up when asked',
    () => named((socket) => socket.once('data', () => socket.end())),
    'the connection was closed',
  ],
  ['it resets', () => named((socket) => socket.resetAndDestroy()), 'ECONNRESET'],
  ['it keeps silent', () => named(() => undefined), 'no answer within 5000 ms'],
  ['a wrong password', () => redis.url.replace(redis.password, 'wrong'), 'WRONGPASS'],
  ['no password', () => redis.url.replace(`:${redis.password}@`, ''), 'NOAUTH'],
])('%s: told with address, reason and cure', async (_name, url, reason) => {
  const asked = await url();
  const told = await requireRedis(asked).then(
    () => 'it answers',
    (error: Error) => error.message,
  );
  expect(told).toContain(`REDIS_URL=redis://${new URL(asked).host}`);
  expect(told).toContain(reason);
  expect(told).toContain('Start that server, correct the address, or unset REDIS_URL');
  expect(told).not.toMatch(/Connection is closed|Command timed out|RESP type/);
});
