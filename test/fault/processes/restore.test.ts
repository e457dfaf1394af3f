// A backup of a living installation, put back elsewhere: it starts paused, and nobody is written to twice without a person knowing.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aBatch, listAll } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { serviceEnv, startProcess } from '../../support/processes/process';
import { startTestRedis } from '../../support/redis/test-redis';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const EMAILS = FULL ? 5_000 : 50;
const HALF = EMAILS / 2;

let smtp: SmtpServer;
let backup: string;
const services: Service[] = [];

beforeEach(async () => {
  smtp = await startSmtpServer();
  backup = await mkdtemp(join(tmpdir(), 'rohrpost-backup-'));
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
  await smtp.close();
  await rm(backup, { recursive: true, force: true });
});

const start = async (options: Parameters<typeof startService>[0]): Promise<Service> => {
  const service = await startService({ plainRedis: true, workers: 0, ...options });
  services.push(service);
  return service;
};

const redisOf = async <T>(service: Service, work: (call: (...words: string[]) => Promise<unknown>) => Promise<T>) => {
  const redis = await service.redis.connect();
  try {
    return await work((name = '', ...rest) => redis.call(name, ...rest));
  } finally {
    redis.disconnect();
  }
};

const epochOf = async (service: Service): Promise<number> =>
  redisOf(service, async (call) => {
    const text = (await call('GET', 'rohrpost:epoch')) as string | null;
    return text === null ? 0 : (JSON.parse(text) as { count: number }).count;
  });

/** Both may leave after the backup: what is due at once, and what an attempt has deferred. */
const fill = async (service: Service): Promise<void> => {
  for (const name of ['acme/sent-since', 'acme/waiting', 'acme/later'])
    await setUpQueue(service, name, smtp.port, { enabled: false, onUncertain: 'resend' });
  for (let from = 0; from < HALF; from += 1_000) {
    const count = Math.min(1_000, HALF - from);
    await service.ok('POST', '/v1/queues/acme/sent-since/emails/batch', aBatch(from, count));
    await service.ok('POST', '/v1/queues/acme/waiting/emails/batch', aBatch(HALF + from, count));
  }
  await service.ok('POST', '/v1/queues/acme/later/emails', anEmail({ sendAt: '2037-01-01T00:00:00Z' }));
};

const statesOf = async (service: Service, name: string): Promise<Set<string>> =>
  new Set((await listAll(service, `/v1/queues/acme/${name}/emails`)).map(({ state }) => state));

/** How Redis is backed up and put back as docs/backup.md says. */
const KINDS = {
  async snapshot(living: Service) {
    await redisOf(living, (call) => call('SAVE'));
    await cp(join(living.dataDir, 'redis', 'dump.rdb'), join(backup, 'dump.rdb'));
    return () => start({ data: backup });
  },
  async 'append-only files'(living: Service) {
    await redisOf(living, (call) => call('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '0'));
    await cp(join(living.dataDir, 'redis', 'appendonlydir'), join(backup, 'appendonlydir'), { recursive: true });
    const startRedis = async (dataDir: string) => {
      await cp(join(backup, 'content'), join(dataDir, 'content'), { recursive: true });
      await cp(join(backup, 'appendonlydir'), join(dataDir, 'redis', 'appendonlydir'), { recursive: true });
      return startTestRedis({ dataDir, plain: true });
    };
    return () => start({ startRedis });
  },
};

test.each(Object.entries(KINDS))(
  '%s: half of the emails leave after the backup, none of them leaves again, all wait for a person',
  async (_, back) => {
    const living = await start({});
    await fill(living);
    await living.addWorker();
    const store = join(living.dataDir, 'content', 'epoch');
    const countOfStore = async (): Promise<number> =>
      (JSON.parse(await readFile(store, 'utf8')) as { count: number }).count;
    await eventually(async () => expect(await countOfStore()).toBeGreaterThan(0), { timeout: 15_000 });
    // The backup of Redis. Contents are copied when all is over, as a store that nobody lost would be.
    const putBack = await back(living);
    const madeAt = new Date().toISOString();
    const before = await epochOf(living);
    // The next step of the epoch would come in half a minute: whoever asks finds that it is due.
    await redisOf(living, (call) => call('DEL', 'rohrpost:duty:epoch'));
    await living.addWorker();
    await living.ok('POST', '/v1/queues/acme/sent-since/resume');
    await smtp.waitForMessages(HALF);
    await eventually(async () => expect(await countOfStore()).toBeGreaterThan(before), { timeout: 15_000 });
    await cp(join(living.dataDir, 'content'), join(backup, 'content'), { recursive: true });
    await living.close();
    services.splice(0);

    const restored = await putBack();
    const pause = await eventually(async () => {
      const found = await restored.ok<{ paused: boolean; doubt: string; reason: string }>('GET', '/v1/pause');
      expect(found).toMatchObject({ paused: true, doubt: 'behind' });
      return found;
    });
    expect(pause.reason).toMatch(/^Redis is as it was at .* restore/);
    expect((await restored.call('POST', '/v1/resume')).body).toMatchObject({ code: 'restore-needed' });
    // A worker that starts before any API finds it by itself; two at once do not get in each other's way.
    await redisOf(restored, (call) => call('DEL', 'rohrpost:pause'));
    const env = serviceEnv(restored.redis.url, restored.dataDir);
    const workers = await Promise.all([startProcess('worker', env), startProcess('worker', env)]);
    try {
      const accepted = await restored.ok<EmailBody>('POST', '/v1/queues/acme/sent-since/emails', anEmail());
      await restored.ok('POST', '/v1/queues/acme/waiting/resume');
      expect(await restored.ok('GET', '/v1/pause')).toMatchObject({ paused: true, doubt: 'behind' });
      const answer = await restored.ok<{ uncertain: number }>('POST', '/v1/restore', { since: madeAt });
      await restored.ok('POST', '/v1/queues/acme/sent-since/resume');
      await restored.ok('POST', '/v1/queues/acme/later/resume');
      expect(answer).toEqual({ uncertain: EMAILS, sending: 0 });
      expect(await restored.ok('GET', '/v1/pause')).toEqual({ paused: false });
      // What was accepted since is sent; by then the others had their time, too.
      await smtp.waitForMessages(HALF + 1);
      await eventually(async () => expect((await restored.email('acme/sent-since', accepted.id)).state).toBe('sent'));
      expect(await statesOf(restored, 'waiting')).toEqual(new Set(['uncertain']));
      expect(await statesOf(restored, 'sent-since')).toEqual(new Set(['uncertain', 'sent']));
      expect(await statesOf(restored, 'later')).toEqual(new Set(['scheduled']));
      const recipients = smtp.messages.map(({ to }) => to[0]);
      showTable('restore', [
        {
          emails: EMAILS,
          'sent after the backup': HALF,
          uncertain: answer.uncertain,
          received: recipients.length,
          'twice, silently': recipients.length - new Set(recipients).size,
        },
      ]);
      expect(new Set(recipients).size).toBe(recipients.length);
      expect(recipients).toHaveLength(HALF + 1);
    } finally {
      await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
    }
  },
);
