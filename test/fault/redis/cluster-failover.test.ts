// A node of a Redis Cluster is killed under load, one after the other: its replica takes over, what was accepted before leaves, nothing hangs.
import { FULL, showTable } from '../../support/fault';
import { ask, nodeId, startRedisCluster, type RedisCluster } from '../../support/redis/redis-cluster';
import type { RedisServer } from '../../../dev/redis';
import { startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startLoad } from '../../support/steady-load';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 5_000, kills: 3 } : { emails: 200, kills: 1 };
const TENANTS = ['acme', 'bolt', 'crane', 'dyno', 'ember', 'fern'];

let redis: RedisCluster;
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  const startRedis = async (dataDir: string) => (redis = await startRedisCluster({ dataDir, replicas: true }));
  service = await startService({ startRedis });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

/** Every replica has all that its primary has written by now. */
const untilReplicated = async (): Promise<void> => {
  const replication = (node: RedisServer) => ask<string>(node, 'INFO', 'replication').catch(() => '');
  for (const node of redis.nodes) {
    const [, written] = /^role:master[^]*?^master_repl_offset:(\d+)/m.exec(await replication(node)) ?? [];
    if (written === undefined) continue;
    await eventually(async () => {
      for (const [, read] of (await replication(node)).matchAll(/^slave\d+:.*offset=(\d+)/gm))
        expect(Number(read)).toBeGreaterThanOrEqual(Number(written));
    });
  }
};

/** Kills a primary and waits until the others say that its replica has its place. */
const replace = async (index: number): Promise<void> => {
  const [killed, heir] = [redis.nodes[index], redis.nodes[index + 3]];
  if (killed === undefined || heir === undefined) throw new Error('there are six nodes');
  const id = await nodeId(heir);
  await killed.kill('SIGKILL');
  const [other] = redis.nodes.slice((index + 1) % 3);
  await eventually(
    async () => {
      const nodes = await ask<string>(other ?? heir, 'CLUSTER', 'NODES');
      expect(nodes.split('\n').find((line) => line.startsWith(id))).toMatch(/ master .*connected \d/);
    },
    { timeout: 30_000, every: 50 },
  );
};

test(
  'cluster-failover: a primary is killed and its replica takes over; what was accepted before leaves, and nothing hangs',
  async () => {
    const load = await startLoad(
      service,
      smtp,
      TENANTS.map((tenant) => `${tenant}/app`),
    );
    const rows: Record<string, string | number>[] = [];
    let before: string[] = [];
    for (let kill = 0; kill < SIZE.kills; kill++) {
      const wanted = load.accepted.length + SIZE.emails;
      const enough = () => Promise.resolve(expect(load.accepted.length).toBeGreaterThan(wanted));
      await eventually(enough, { timeout: 600_000 });
      before = [...load.accepted];
      await untilReplicated();
      await replace(kill);
      const after = await load.untilItGoesOn();
      rows.push({
        'accepted before': before.length,
        503: load.answers[503] ?? 0,
        twice: load.twice(),
        hung: load.hung,
        'accepts after the election, ms': after.accepted,
        'sends after the election, ms': after.sent,
      });
    }
    await load.untilAllArrived(before);
    showTable('cluster-failover', rows);
    expect(load.hung).toBe(0);
    expect(Object.keys(load.answers).filter((status) => !['202', '503'].includes(status))).toEqual([]);
  },
  FULL ? 3_600_000 : 120_000,
);
