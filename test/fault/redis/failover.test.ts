// The primary that Sentinels watch is killed under load: nothing hangs, both processes find the new one, what was accepted before leaves.
import { FULL, showTable } from '../../support/fault';
import { startWatchedRedis, type WatchedRedis } from '../../support/redis/redis-sentinels';
import { startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startLoad } from '../../support/steady-load';
import { eventually } from '../../support/wait';

const SIZE = FULL ? { emails: 5_000 } : { emails: 200 };

let redis: WatchedRedis;
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({
    startRedis: async (dataDir) => (redis = await startWatchedRedis({ dataDir })),
    api: secrets(),
    worker: secrets(),
  });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

/** Read when Redis has started, which the service waits for. */
function secrets() {
  return {
    get redisSecrets() {
      return { sentinelPassword: redis.sentinelPassword };
    },
  };
}

/** Both replicas have all that was written until now. */
const untilReplicated = async (): Promise<void> => {
  const connection = await redis.connect();
  await connection.set('test:written', '1');
  expect(await connection.wait(2, 5_000)).toBe(2);
  connection.disconnect();
};

test(
  'failover: the primary is killed and its successor takes over; what was accepted before leaves, and nothing hangs',
  async () => {
    const load = await startLoad(service, smtp, ['acme/app']);
    await eventually(() => Promise.resolve(expect(load.accepted.length).toBeGreaterThan(SIZE.emails)), {
      timeout: 600_000,
    });
    const before = [...load.accepted];
    await untilReplicated();
    const port = await redis.primaryPort();
    await redis.kill('SIGKILL');
    await eventually(async () => expect(await redis.primaryPort()).not.toBe(port), { timeout: 30_000, every: 50 });
    const after = await load.untilItGoesOn();
    await load.untilAllArrived(before);
    showTable('failover', [
      {
        'accepted before': before.length,
        accepted: load.accepted.length,
        503: load.answers[503] ?? 0,
        lost: 0,
        twice: load.twice(),
        hung: load.hung,
        'accepts after the election, ms': after.accepted,
        'sends after the election, ms': after.sent,
      },
    ]);
    expect(load.hung).toBe(0);
    expect(Object.keys(load.answers).filter((status) => !['202', '503'].includes(status))).toEqual([]);
  },
  FULL ? 3_600_000 : 120_000,
);
