// The breaker's passes: kept for as long as the work under them takes, given up when their worker is gone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisServer } from '../../dev/redis';
import { systemClock } from '../../libs/runtime/clock';
import { createLog } from '../../libs/runtime/log';
import { createBreakers, type Breakers } from '../../libs/store/limits/breaker';
import { connectRedis, whenReady, type Redis } from '../../libs/store/redis/redis';
import { startTestRedis } from '../support/redis/test-redis';
import { deferred, eventually } from '../support/wait';

/** Long enough that a busy machine renews it in time, ms. */
const LEASE_MS = 1_200;

let dataDir: string;
let server: RedisServer;
let redis: Redis;
let one: Breakers;
let other: Breakers;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rohrpost-breaker-'));
  server = await startTestRedis({ dataDir });
  redis = connectRedis({ url: server.url, patience: 'wait', name: 'breaker', log: createLog('test', 'silent') });
  await whenReady(redis);
  one = createBreakers({ redis, clock: systemClock, replica: 'one', leaseMs: LEASE_MS });
  other = createBreakers({ redis, clock: systemClock, replica: 'other', leaseMs: LEASE_MS });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Five faults of different emails. */
const breakIt = async (transport: string): Promise<void> => {
  for (let count = 0; count < 5; count++) {
    const pass = await one.permit('acme', transport);
    await one.report('acme', transport, pass, `m${count}`, `421 4.3.2 words ${count}`);
  }
};
const kindOf = async (breakers: Breakers, transport: string): Promise<string> =>
  (await breakers.permit('acme', transport)).kind;
const probe = (transport: string) =>
  eventually(async () => {
    const pass = await one.permit('acme', transport);
    expect(pass.kind).toBe('probe');
    return pass;
  });

test('a probe that takes long stays the only one; the words of the last fault are kept', async () => {
  await breakIt('slow');
  expect(await one.read('acme', 'slow')).toMatchObject({ state: 'open', words: '421 4.3.2 words 4' });
  const pass = await probe('slow');
  const answered = deferred();
  const work = one.hold('acme', 'slow', pass, () => answered.promise);
  // A lease without its renewal would be over by now.
  const over = Date.now() + 3 * LEASE_MS;
  while (Date.now() < over) expect(await kindOf(other, 'slow')).toBe('wait');
  answered.resolve();
  await work;
  expect(await one.report('acme', 'slow', pass, 'm9', undefined)).toMatchObject({ change: 'recovering' });
  // So is the right of one of the few that may go while it recovers.
  const go = await one.permit('acme', 'slow');
  const long = deferred();
  const going = one.hold('acme', 'slow', go, () => long.promise);
  const until = Date.now() + 2 * LEASE_MS;
  let least = Infinity;
  while (Date.now() < until) least = Math.min(least, await redis.zcard('rohrpost:{acme}:breaker:slow:in-flight'));
  expect(least).toBe(1);
  long.resolve();
  await going;
});

test('a probe whose worker is gone makes way for another one, and its late report does not end that', async () => {
  await breakIt('gone');
  const lost = await probe('gone');
  const taken = await eventually(async () => {
    const pass = await other.permit('acme', 'gone');
    expect(pass.kind).toBe('probe');
    return pass;
  });
  await one.report('acme', 'gone', lost, 'm8', '421 late');
  expect(await redis.get('rohrpost:{acme}:breaker:gone:probe')).toBe('token' in taken ? taken.token : '');
});
