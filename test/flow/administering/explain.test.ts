// Why an email has not been sent, where it is the workers that stand in its way; and which workers run.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { KEYS } from '../../../libs/store/redis/keys';
import { anEmail, SECRET_KEYS, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let quick: SmtpServer;
let redis: Redis;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
  quick = await startSmtpServer();
  smtp = await startSmtpServer({ auth: { user: 'app', pass: 'secret' } });
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await Promise.all([smtp.close(), quick.close()]);
});

interface Workers {
  workers: { id: string; startedAt: string; seenAt: string; places: number; busy: number; version: string }[];
}
const workers = async () => (await service.ok<Workers>('GET', '/v1/workers')).workers;
const reasons = async (emails: string, id: string) =>
  (await service.ok<{ reasons: { code: string; text: string; until?: string }[] }>('GET', `${emails}/${id}/explain`))
    .reasons;
const codes = async (emails: string, id: string) => (await reasons(emails, id)).map(({ code }) => code);
const stopWorkers = async () => {
  for (const worker of service.workers.splice(0)) await worker.lifecycle.stop('end of test');
};
const withLogin = async (name: string, settings = {}) => {
  const made = await setUpQueue(service, name, smtp.port, settings);
  const transport = { host: '127.0.0.1', port: smtp.port, security: 'none', auth: { user: 'app', pass: 'secret' } };
  await service.ok('PUT', `/v1/tenants/${name.split('/')[0]}/transports/default`, transport);
  return made;
};

test('no worker, one without the key, one without a place, and then it is sent', async () => {
  const { queue, emails } = await withLogin('acme/app');
  const first = await service.ok<EmailBody>('POST', emails, anEmail());
  expect(await workers()).toEqual([]);
  expect(await codes(emails, first.id)).toEqual(['no-worker']);
  const later = await service.ok<EmailBody>('POST', emails, anEmail({ sendAt: '2034-01-01T00:00:00Z' }));
  expect(await codes(emails, later.id)).toEqual(['no-worker', 'not-due']);

  const other = [{ id: 'k9', key: Buffer.alloc(32, 9) }];
  await service.addWorker({ secretKeys: other, replica: 'without-key', concurrency: 3 });
  const [missing] = await reasons(emails, first.id);
  expect(missing).toMatchObject({ code: 'key-missing' });
  expect(missing?.text).toContain('"k1"');
  await stopWorkers();
  expect(await workers()).toEqual([]);

  const gate = deferred();
  smtp.setScript({ dot: () => gate.promise.then(() => undefined) });
  await service.addWorker({ replica: 'one-place', concurrency: 1 });
  // What the one without the key had put back is looked at again after a while: at once, where a person says so.
  await service.ok('POST', `${emails}/${first.id}/send-now`);
  await eventually(async () => expect(await service.email(queue, first.id)).toMatchObject({ state: 'sending' }));
  const second = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(async () => expect(await codes(emails, second.id)).toEqual(['no-place']));
  await eventually(async () => expect(await workers()).toMatchObject([{ id: 'one-place', places: 1, busy: 1 }]));
  gate.resolve();
  await eventually(async () => expect(await service.email(queue, second.id)).toMatchObject({ state: 'sent' }));
  expect(await reasons(emails, second.id)).toEqual([]);
  await stopWorkers();
});

test('a queue that has as many in work as it may', async () => {
  const { emails } = await withLogin('narrow/app', { concurrency: 1 });
  const gate = deferred();
  smtp.setScript({ dot: () => gate.promise.then(() => undefined) });
  await service.addWorker();
  await service.ok('POST', emails, anEmail());
  const second = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(async () => expect(await codes(emails, second.id)).toEqual(['no-place']));
  expect((await reasons(emails, second.id))[0]?.text).toContain('concurrency 1');
  gate.resolve();
  await stopWorkers();
});

test('all places are taken by a neighbour, who is counted and not named', async () => {
  const [neighbour, own] = [await withLogin('neighbour/app'), await withLogin('acme/own')];
  const gate = deferred();
  smtp.setScript({ dot: () => gate.promise.then(() => undefined) });
  await service.addWorker({ concurrency: 1 });
  const first = await service.ok<EmailBody>('POST', neighbour.emails, anEmail());
  await eventually(async () =>
    expect(await service.email(neighbour.queue, first.id)).toMatchObject({ state: 'sending' }),
  );
  const second = await service.ok<EmailBody>('POST', own.emails, anEmail());
  await eventually(async () => expect(await codes(own.emails, second.id)).toEqual(['no-place']));
  const [{ text } = { text: '' }] = await reasons(own.emails, second.id);
  expect(text).toContain('0 by this tenant, 1 by others');
  expect(text).not.toContain('neighbour');
  gate.resolve();
  await stopWorkers();
});

test('a server that answers slowly gets no further email while as many wait there as may; other transports do', async () => {
  const { queue, emails } = await withLogin('tortoise/slow');
  const transport = { host: '127.0.0.1', port: quick.port, security: 'none' };
  await service.ok('PUT', '/v1/tenants/tortoise/transports/quick', transport);
  await service.ok('PUT', '/v1/queues/tortoise/quick', { from: 'a@tortoise.example', transport: 'quick' });
  const gate = deferred();
  smtp.setScript({ dot: () => gate.promise.then(() => undefined) });
  const { fleet } = await service.addWorker({ concurrency: 4, waiting: 10 });
  await service.ok('POST', emails, anEmail());
  await eventually(() => expect(fleet.use()).toMatchObject({ tortoise: { held: 0, waiting: 1 } }));
  const second = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(async () => expect(await codes(emails, second.id)).toEqual(['transport-limited']));
  expect((await reasons(emails, second.id))[0]?.text).toContain('answers slowly: 1 email waits for its replies');
  await service.ok('POST', '/v1/queues/tortoise/quick/emails', anEmail());
  await quick.waitForMessages(1);
  gate.resolve();
  await eventually(async () => expect(await service.email(queue, second.id)).toMatchObject({ state: 'sent' }));
  await stopWorkers();
});

test('workers tell themselves, are forgotten when they tell nothing, and only the operator sees them', async () => {
  await service.addWorker({ replica: 'told' });
  const [told] = await workers();
  expect(Object.keys(told ?? {}).sort()).toEqual(['busy', 'id', 'places', 'seenAt', 'startedAt', 'version']);
  expect(told).toMatchObject({ id: 'told', places: 50, busy: 0 });
  expect(told?.version).toMatch(/^\d+\.\d+\.\d+/);
  await eventually(async () => expect((await workers())[0]?.seenAt).not.toBe(told?.seenAt));
  // As if Redis had last heard of another one a while ago.
  const secretKeys = SECRET_KEYS.map(({ id }) => id);
  const said = JSON.stringify({ ...told, id: 'vanished', places: 5, busy: 5, secretKeys });
  await redis.hset(KEYS.workers, 'vanished', said);
  await redis.zadd(KEYS.workersSeen, Date.now() - 14_000, 'vanished');
  expect((await workers()).map(({ id }) => id)).toEqual(['told', 'vanished']);
  await redis.zadd(KEYS.workersSeen, Date.now() - 16_000, 'vanished');
  expect((await workers()).map(({ id }) => id)).toEqual(['told']);
  await eventually(async () => expect(await redis.hkeys(KEYS.workers)).toEqual(['told']));
  await service.ok('PUT', '/v1/tenants/acme', {});
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  expect((await service.call('GET', '/v1/workers', undefined, { key })).status).toBe(403);
  await stopWorkers();
});
