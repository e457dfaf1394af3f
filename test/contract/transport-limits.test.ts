// Replicas that share a server: no window ever holds more than it may, and no more connections are held than are allowed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RedisServer } from '../../dev/redis';
import { systemClock } from '../../libs/runtime/clock';
import { createLog } from '../../libs/runtime/log';
import { createChanges, type Changes } from '../../libs/store/redis/settings-cache';
import { tenantKeys } from '../../libs/store/redis/keys';
import { connectRedis, whenReady, type Redis } from '../../libs/store/redis/redis';
import type { TransportLimits } from '../../libs/mail/settings/transport';
import { createLimits, type Admission, type Limits } from '../../libs/store/limits/transport-limits';
import { startTestRedis } from '../support/redis/test-redis';
import { eventually } from '../support/wait';

let dataDir: string;
let server: RedisServer;
const connections: Redis[] = [];
const replicas: Limits[] = [];
const changesOf: Changes[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-limits-'));
  server = await startTestRedis({ dataDir });
  const log = createLog('test', 'silent');
  for (const replica of ['a', 'b', 'c']) {
    const redis = connectRedis({ url: server.url, patience: 'wait', name: replica, log });
    connections.push(redis);
    await whenReady(redis);
    const subscriber = connectRedis({ url: server.url, patience: 'wait', name: `${replica}:subscriber`, log });
    connections.push(subscriber);
    await whenReady(subscriber);
    const changes = createChanges({ redis, subscriber });
    replicas.push(createLimits({ redis, clock: systemClock, replica, changes }));
    changesOf.push(changes);
  }
});
afterAll(async () => {
  for (const limits of replicas) await limits.stop();
  for (const redis of connections) redis.disconnect();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const until = (at: number): Promise<void> => pause(Math.max(1, at - Date.now()));
const granted = (answer: Admission | { until: number }): answer is Admission => 'end' in answer;
const pick = (index: number): Limits => replicas[index % replicas.length] as Limits;

test('three replicas that ask all the time get what a second allows, never more in any second', async () => {
  const taken: number[] = [];
  const over = Date.now() + 4_000;
  await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      while (Date.now() < over) {
        const answer = await pick(index).admit('acme', 'rate', { perSecond: 20, perDay: 1_000 });
        if (granted(answer)) {
          taken.push(Date.now());
          answer.end();
        } else await until(answer.until);
      }
    }),
  );
  taken.sort((one, other) => one - other);
  // The time at which an answer is seen here is a little after it was given: what was given together may seem spread.
  for (const [index, at] of taken.entries()) expect((taken[index + 20] ?? Infinity) - at).toBeGreaterThan(900);
  expect(taken.length).toBeGreaterThanOrEqual(60);
  expect(taken.length).toBeLessThanOrEqual(100);
});

test('the longest window that is full decides, and says when the next one may go', async () => {
  const limits = { perSecond: 100, perHour: 3 };
  for (let count = 0; count < 3; count++) expect(granted(await pick(count).admit('acme', 'hour', limits))).toBe(true);
  const refused = await pick(0).admit('acme', 'hour', limits);
  expect('until' in refused && refused.until - Date.now()).toBeGreaterThan(58 * 60_000);
  expect((await pick(1).read('acme', 'hour', limits)) ?? 0).toBeGreaterThan(Date.now() + 58 * 60_000);
  expect(await pick(1).read('acme', 'hour', { perHour: 4 })).toBeUndefined();
});

test('what was not used is given back', async () => {
  const limits = { perHour: 1 };
  for (let count = 0; count < 5; count++) {
    const answer = await pick(count).admit('acme', 'back', limits);
    expect(granted(answer)).toBe(true);
    if (granted(answer)) answer.cancel();
    if (granted(answer)) answer.cancel();
    // The way back is not waited for.
    while ((await pick(count).read('acme', 'back', limits)) !== undefined) await until(Date.now() + 5);
  }
});

test('no more connections at once than allowed; what is spare here is given up for others', async () => {
  const limits = { connections: 4 };
  const held = await Promise.all([0, 1, 2, 3].map((index) => pick(index).admit('acme', 'connections', limits)));
  expect(held.every(granted)).toBe(true);
  expect(granted(await pick(1).admit('acme', 'connections', limits))).toBe(false);
  // Replica a uses its own again at once; b must wait until a has let go of it.
  if (held[0] && granted(held[0])) held[0].end();
  expect(granted(await pick(1).admit('acme', 'connections', limits))).toBe(false);
  const again = await pick(0).admit('acme', 'connections', limits);
  expect(granted(again)).toBe(true);
  if (granted(again)) again.end();
  let answer = await pick(1).admit('acme', 'connections', limits);
  while (!granted(answer)) {
    await until(answer.until);
    answer = await pick(1).admit('acme', 'connections', limits);
  }
  expect(granted(await pick(2).admit('acme', 'connections', limits))).toBe(false);
});

test('a replica whose clock is off waits as long as the others', async () => {
  const [redis] = connections as [Redis];
  const [changes] = changesOf as [Changes];
  const clock = { now: () => Date.now() - 3_600_000 };
  const off = createLimits({ redis, clock, replica: 'off', changes });
  const wait = async (limits: TransportLimits): Promise<number> => {
    expect(granted(await off.admit('acme', 'off', limits))).toBe(true);
    const refused = await off.admit('acme', 'off', limits);
    return 'until' in refused ? refused.until - clock.now() : NaN;
  };
  expect(await wait({ connections: 1 })).toBeLessThan(10_000);
  const minute = await wait({ perMinute: 1 });
  expect(minute).toBeGreaterThan(50_000);
  expect(minute).toBeLessThan(70_000);
  await off.stop();
});

test('a right that others have since its replica stood still is not used on and on', async () => {
  const limits = { connections: 1 };
  const admit = (index: number) => pick(index).admit('acme', 'lost', limits);
  const first = await admit(0);
  if (granted(first)) first.end();
  // Its lease ended, as it does while a process is frozen.
  await connections[0]?.del(`${tenantKeys('acme').limits('lost')}:connections`);
  expect(granted(await admit(1))).toBe(true);
  // Replica a has emails all the time: its right is never spare for long.
  await eventually(
    async () => {
      const again = await admit(0);
      if (granted(again)) again.end();
      expect(granted(again)).toBe(false);
    },
    { timeout: 15_000, every: 100 },
  );
});
