// A backup that is taken in the middle of an operation on many emails: put back, the operation does nothing more.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listAll } from '../../support/emails';
import { anEmail, setUpQueue, startService, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const EMAILS = 300;

let smtp: SmtpServer;
let backup: string;
const services: Service[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  backup = await mkdtemp(join(tmpdir(), 'rohrpost-backup-'));
});
afterAll(async () => {
  for (const service of services) await service.close();
  await smtp.close();
  await rm(backup, { recursive: true, force: true });
});

const start = async (options: Parameters<typeof startService>[0]): Promise<Service> => {
  const service = await startService({ plainRedis: true, workers: 0, ...options });
  services.push(service);
  return service;
};

interface Bulk {
  id: string;
  state: string;
  done: number;
  reason?: string;
}

test('what an operation of the backup would have released stays where it is, and nothing is sent twice', async () => {
  const living = await start({});
  const { emails } = await setUpQueue(living, 'acme/app', smtp.port);
  const lines = Array.from({ length: EMAILS }, (_, n) => anEmail({ to: [`r${n}@example.org`] }));
  await living.ok('POST', '/v1/pause');
  await living.ok('POST', `${emails}/batch`, { emails: lines });
  const bulk = (service: Service, body: object) => service.ok<Bulk>('POST', `${emails}/bulk`, { all: true, ...body });
  const seen = (service: Service, { id }: Bulk) => service.ok<Bulk>('GET', `/v1/operations/${id}`);
  const held = await bulk(living, { action: 'hold' });
  await eventually(async () => expect(await seen(living, held)).toMatchObject({ state: 'done', done: EMAILS }), {
    timeout: 30_000,
  });
  const [released, next] = [await bulk(living, { action: 'release' }), await bulk(living, { action: 'release' })];
  await eventually(async () => expect((await seen(living, released)).done).toBeGreaterThan(10));
  const redis = await living.redis.connect();
  await redis.call('SAVE');
  redis.disconnect();
  const since = new Date(Date.now()).toISOString();
  await cp(join(living.dataDir, 'redis', 'dump.rdb'), join(backup, 'dump.rdb'));
  await cp(join(living.dataDir, 'content'), join(backup, 'content'), { recursive: true });
  await living.close();
  services.splice(0);

  const restored = await start({ data: backup, api: { startPaused: true } });
  // One that is asked for meanwhile waits.
  const asked = await bulk(restored, { action: 'hold', all: undefined, filter: { recipient: 'nobody@example.org' } });
  expect((await seen(restored, asked)).state).not.toBe('done');
  await restored.ok('POST', '/v1/restore', { since });
  const states = async () => (await listAll(restored, emails)).map(({ state }) => state);
  for (const one of [released, next])
    await eventually(async () => {
      const { state, reason, done } = await seen(restored, one);
      expect(state).toBe('failed');
      expect(reason).toContain('a backup was restored');
      expect(done).toBeLessThan(EMAILS);
    });
  await eventually(async () => expect(await seen(restored, asked)).toMatchObject({ state: 'done' }));
  expect(new Set(await states())).toEqual(new Set(['uncertain', 'held']));
  expect(smtp.messages).toEqual([]);
}, 120_000);
