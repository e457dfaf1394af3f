// A backup that is put back after a person was erased: the erasure is made again before anything is sent, by whoever knew no address.
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { everyKey, standsIn } from '../../support/traces';
import { eventually } from '../../support/wait';

const [ANN, BOB, CARL, DAN] = ['ann@example.org', 'bob@example.org', 'carl@example.org', 'dan@example.org'];

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
const redisOf = async <T>(
  service: Service,
  work: (redis: Awaited<ReturnType<Service['redis']['connect']>>) => Promise<T>,
) => {
  const redis = await service.redis.connect();
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
};
const done = (service: Service, id: string) =>
  eventually(async () => expect(await service.ok('GET', `/v1/operations/${id}`)).toMatchObject({ state: 'done' }));
const erase = async (service: Service, recipient: string): Promise<void> => {
  const { id } = await service.ok<{ id: string }>('POST', '/v1/tenants/acme/erasure', { recipient });
  await done(service, id);
};

test('whoever was erased since is erased again, and nobody else', async () => {
  const living = await start({});
  const { queue, emails } = await setUpQueue(living, 'acme/app', smtp.port, { enabled: false });
  const post = async (to: string[], changes = {}, service = living): Promise<string> =>
    (await service.ok<EmailBody>('POST', emails, anEmail({ to, ...changes }))).id;
  // Erased before the backup: a new email to the same person is another matter.
  await post([DAN]);
  await erase(living, DAN);
  const dan = await post([DAN]);
  const [ann, both, bob] = [await post([ANN]), await post([ANN, BOB]), await post([BOB])];
  // What it says is in the content store, and will be lost.
  const lost = await post([ANN, BOB], { text: 'x'.repeat(100_000) });
  for (const address of [CARL, BOB])
    await living.ok('PUT', `/v1/tenants/acme/suppressions/${address}`, { reason: `${address} called` });
  await redisOf(living, (redis) => redis.call('SAVE'));
  const since = new Date(Date.now()).toISOString();
  await cp(join(living.dataDir, 'redis', 'dump.rdb'), join(backup, 'dump.rdb'));
  await Promise.all([erase(living, 'Ann@Example.org'), erase(living, CARL)]);
  // The content store outlives Redis, and names nobody.
  const kept = await readFile(join(living.dataDir, 'content', 'erasures'), 'utf8');
  expect(JSON.parse(kept)).toHaveLength(3);
  expect(kept).not.toMatch(/ann|carl|example/i);
  await cp(join(living.dataDir, 'content'), join(backup, 'content'), { recursive: true });
  const contents = join(backup, 'content', 'sha256');
  for (const folder of await readdir(contents)) await rm(join(contents, folder), { recursive: true });
  await living.close();
  services.splice(0);

  const restored = await start({ data: backup });
  expect(await restored.email(queue, ann)).toMatchObject({ id: ann });
  const { suppressions } = await restored.ok<{ suppressions: object[] }>('GET', '/v1/tenants/acme/suppressions');
  expect(suppressions).toHaveLength(2);
  // Whoever comes back meanwhile has asked for it.
  const back = await post([ANN], {}, restored);
  await restored.ok('POST', '/v1/restore', { since });

  expect(await restored.email(queue, back)).toMatchObject({ to: [ANN], state: 'queued' });
  await restored.ok('DELETE', `${emails}/${back}`);
  for (const id of [ann, lost]) expect(await restored.call('GET', `${emails}/${id}`)).toMatchObject({ status: 404 });
  const keys = await redisOf(restored, (redis) => everyKey(restored.redis, redis));
  expect([...standsIn(ANN, keys), ...standsIn(CARL, keys)]).toEqual([]);
  expect(await restored.email(queue, both)).toMatchObject({ to: [BOB], state: 'uncertain' });
  expect(await restored.email(queue, bob)).toMatchObject({ to: [BOB], state: 'uncertain' });
  expect(await restored.email(queue, dan)).toMatchObject({ to: [DAN], state: 'uncertain' });
  const list = await restored.ok<{ suppressions: { address: string }[] }>('GET', '/v1/tenants/acme/suppressions');
  expect(list.suppressions.map(({ address }) => address)).toEqual([BOB]);
  // It is still not written to.
  expect((await restored.call('GET', `/v1/tenants/acme/suppressions/${CARL}`)).status).toBe(200);
  const { entries } = await restored.ok<{ entries: { what: string }[] }>('GET', '/v1/audit?tenant=acme');
  expect(entries.filter(({ what }) => what === 'person erased again after a restore')).toHaveLength(2);
  // May be repeated, also when the installation has lived on.
  const later = await post([ANN], {}, restored);
  await restored.ok('PUT', `/v1/tenants/acme/suppressions/${ANN}`, { reason: 'called again' });
  await restored.ok('POST', '/v1/restore', { since });
  expect(await restored.email(queue, dan)).toMatchObject({ to: [DAN] });
  expect(await restored.email(queue, later)).toMatchObject({ to: [ANN], state: 'queued' });
  expect((await restored.call('GET', `/v1/tenants/acme/suppressions/${ANN}`)).body).toMatchObject({
    reason: 'called again',
  });
});
