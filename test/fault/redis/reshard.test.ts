// Slots of a Redis Cluster move from node to node under load, those of the fleet, of tenants and of queues: nothing is lost or sent twice.
import { setTimeout as pause } from 'node:timers/promises';
import { STATES } from '../../../libs/mail/email/state';
import type { RedisServer } from '../../../dev/redis';
import { FULL, showTable } from '../../support/fault';
import { ask, nodeId, startRedisCluster, type RedisCluster } from '../../support/redis/redis-cluster';
import { startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startLoad } from '../../support/steady-load';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 3_000, rounds: 10 } : { emails: 200, rounds: 2 };
const TENANTS = ['acme', 'bolt', 'crane'];
const TAGS = ['fleet', 'whereabouts', 'events', ...TENANTS, ...TENANTS.map((tenant) => `${tenant}.app`)];

let redis: RedisCluster;
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({
    startRedis: async (dataDir) => (redis = await startRedisCluster({ dataDir })),
    // What moves leaves its node.
    otherChanges: STATES.map((state) => [state, 'a move', 'gone'] as never),
  });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

/** As `redis-cli --cluster reshard` moves a slot: some keys at a time, none over one that is there. @returns how many keys */
const moveSlot = async (slot: string, from: RedisServer, to: RedisServer): Promise<number> => {
  const [source, target] = [await nodeId(from), await nodeId(to)];
  await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', source);
  await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', target);
  let moved = 0;
  for (;;) {
    const keys = await ask<string[]>(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '10');
    if (keys.length === 0) break;
    const way = ['127.0.0.1', String(to.port), '', '0', '5000', 'AUTH', to.password, 'KEYS'];
    await ask(from, 'MIGRATE', ...way, ...keys);
    moved += keys.length;
    // Long enough for scripts to come upon a slot that is half here and half there.
    await pause(5);
  }
  for (const node of [to, from, ...redis.nodes.filter((one) => one !== to && one !== from)])
    await ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', target);
  return moved;
};

const ownerOf = async (slot: string): Promise<number> => {
  const ids = await Promise.all(redis.nodes.map(nodeId));
  const ranges = await ask<[number, number, [string, number, string]][]>(redis, 'CLUSTER', 'SLOTS');
  const range = ranges.find(([first, last]) => first <= Number(slot) && Number(slot) <= last);
  return ids.indexOf(range?.[2][2] ?? '');
};

test(
  'reshard: slots move while emails are handed in and sent; none is lost or sent twice, and nothing hangs',
  async () => {
    const queues = TENANTS.map((tenant) => `${tenant}/app`);
    const load = await startLoad(service, smtp, queues);
    await eventually(() => Promise.resolve(expect(load.accepted.length).toBeGreaterThan(SIZE.emails)), {
      timeout: 600_000,
    });
    let keys = 0;
    for (let round = 0; round < SIZE.rounds; round++) {
      for (const tag of TAGS) {
        const slot = String(await ask<number>(redis, 'CLUSTER', 'KEYSLOT', `{${tag}}`));
        const owner = await ownerOf(slot);
        const [from, to] = [redis.nodes[owner], redis.nodes[(owner + 1) % redis.nodes.length]];
        if (from === undefined || to === undefined) throw new Error('each slot has a node');
        keys += await moveSlot(slot, from, to);
      }
    }
    const after = await load.untilItGoesOn();
    await load.untilAllArrived(load.accepted);
    showTable('reshard', [
      {
        slots: TAGS.length * SIZE.rounds,
        keys,
        accepted: load.accepted.length,
        503: load.answers[503] ?? 0,
        lost: 0,
        twice: load.twice(),
        hung: load.hung,
        'goes on after, ms': Math.max(after.accepted, after.sent),
      },
    ]);
    expect(load.twice()).toBe(0);
    expect(load.hung).toBe(0);
    expect(Object.keys(load.answers).filter((status) => !['202', '503'].includes(status))).toEqual([]);
    await eventually(async () => {
      for (const queue of queues) {
        const { counts } = await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
        expect(Object.entries(counts).filter(([state, count]) => count > 0 && state !== 'sent')).toEqual([]);
      }
    });
  },
  FULL ? 3_600_000 : 180_000,
);
