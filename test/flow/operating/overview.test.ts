// What needs somebody: a transport that is down, queues that are paused or late, no worker, and the numbers, within a key's reach.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { KEYS } from '../../../libs/store/redis/keys';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { untilState } from '../../support/emails';
import { eventually } from '../../support/wait';

interface Numbers {
  due: number;
  waiting: number;
  uncertain: number;
  failed: number;
  sentByHour: number[];
  failedByHour: number[];
}
interface Overview {
  pause?: { by: string; reason?: string };
  workers: number;
  redis: string[];
  transports: { tenant: string; transport: string; state: string; words?: string; since: string; waiting?: number }[];
  paused: { tenant: string; application: string; pause?: { by: string; reason?: string } }[];
  late: { tenant: string; application: string; oldestDueAt: string; due: number }[];
  incidents?: { count: number; cause: { code: string; reply?: string } }[];
  numbers?: { total: Numbers; rows: ({ tenant: string; application?: string } & Numbers)[]; more: number };
}

let service: Service;
let smtp: SmtpServer;
let redis: Redis;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('nobody') ? '550 5.1.1 unknown' : undefined) },
  });
  service = await startService();
  redis = openClient(service.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
});

const overview = (key?: string) =>
  service.ok<Overview>('GET', '/v1/overview', undefined, key === undefined ? {} : { key });
const keyOf = async (more: object): Promise<string> =>
  (await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', ...more })).key;
const sum = (numbers: number[] = []): number => numbers.reduce((all, one) => all + one, 0);

test('with nothing wrong it says so; numbers agree with what happened, within the reach of the key', async () => {
  const app = await setUpQueue(service, 'acme/app', smtp.port);
  const shop = await setUpQueue(service, 'other/shop', smtp.port);
  const post = async (emails: string, more: object = {}) =>
    (await service.ok<EmailBody>('POST', emails, anEmail({ ...more }))).id;
  const [sent, failed, foreign] = [
    await post(app.emails),
    await post(app.emails, { to: ['nobody@example.org'] }),
    await post(shop.emails),
  ];
  await post(app.emails, { sendAt: '2034-01-01T00:00:00Z' });
  await untilState(service, app.queue, sent, 'sent');
  await untilState(service, app.queue, failed, 'failed');
  await untilState(service, shop.queue, foreign, 'sent');

  const all = await eventually(async () => {
    const found = await overview();
    expect([sum(found.numbers?.total.sentByHour), sum(found.numbers?.total.failedByHour)]).toEqual([2, 1]);
    expect(found.incidents).toMatchObject([{ count: 1, cause: { code: 'refused', reply: '550 5.1.1' } }]);
    return found;
  });
  expect(all).toMatchObject({ workers: 1, transports: [], paused: [], late: [] });
  expect(all.numbers?.rows.map(({ tenant, waiting, failed }) => [tenant, waiting, failed])).toEqual([
    ['acme', 1, 1],
    ['other', 0, 0],
  ]);
  const own = await overview(await keyOf({ tenant: 'other' }));
  expect(own.numbers?.rows.map(({ tenant, application }) => `${tenant}/${String(application)}`)).toEqual([
    'other/shop',
  ]);
  expect([sum(own.numbers?.total.sentByHour), own.incidents]).toEqual([1, []]);
  expect((await overview(await keyOf({ tenant: 'acme', application: 'no' }))).numbers?.rows).toEqual([]);
  const { numbers } = await service.ok<Overview>('GET', '/v1/overview?limit=1');
  expect([numbers?.rows.length, numbers?.more]).toEqual([1, 1]);
});

test('a pause is told with its reason until it ends; an entry of the index that is not so goes', async () => {
  const { queue } = await setUpQueue(service, 'acme/letters', smtp.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`, { reason: 'wrong date' });
  await setUpQueue(service, 'acme/quiet', smtp.port, { enabled: false });
  await service.ok('POST', '/v1/pause', { reason: 'new server' });
  const { paused, pause } = await overview();
  expect(pause).toMatchObject({ by: 'operator', reason: 'new server' });
  expect(paused).toEqual([
    expect.objectContaining({ application: 'quiet' }),
    expect.objectContaining({
      application: 'letters',
      pause: expect.objectContaining({ reason: 'wrong date' }) as object,
    }),
  ]);
  expect((await overview(await keyOf({ tenant: 'other' }))).paused).toEqual([]);
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await service.ok('PATCH', '/v1/queues/acme/quiet', { enabled: true });
  await service.ok('POST', '/v1/resume');
  // What was announced a moment ago may be about to happen; what was long ago is not.
  await redis.zadd(KEYS.paused, 1, 'acme.letters');
  await redis.zadd(KEYS.down, 1, 'acme/default');
  const after = await overview();
  expect([after.paused, after.transports, after.pause]).toEqual([[], [], undefined]);
  expect([await redis.zscore(KEYS.paused, 'acme.letters'), await redis.zscore(KEYS.down, 'acme/default')]).toEqual([
    null,
    null,
  ]);
  expect(await redis.zscore(KEYS.paused, 'acme.quiet')).not.toBeNull();
});

test('a transport that is down is told with the words of its fault, and a try that succeeds ends it', async () => {
  const { emails, queue } = await setUpQueue(service, 'broken/app', smtp.port, { backoff: { delay: '1s' } });
  smtp.setScript({ connect: () => '554 5.3.2 closed for the night' });
  const ids: string[] = [];
  for (let count = 0; count < 6; count++) ids.push((await service.ok<EmailBody>('POST', emails, anEmail())).id);
  const [down] = await eventually(async () => {
    const { transports } = await overview();
    expect(transports).toHaveLength(1);
    expect(transports[0]?.waiting).toBe(6);
    return transports;
  });
  expect(down).toMatchObject({ tenant: 'broken', transport: 'default', state: 'open' });
  expect(down?.words).toContain('closed for the night');
  expect((await overview(await keyOf({ tenant: 'other' }))).transports).toEqual([]);
  expect((await overview(await keyOf({ tenant: 'broken', application: 'app' }))).transports).toEqual([]);
  smtp.setScript({});
  expect(await service.ok('POST', '/v1/tenants/broken/transports/default/verify')).toMatchObject({ ok: true });
  expect((await overview()).transports).toEqual([]);
  for (const id of ids) await untilState(service, queue, id, 'sent');
});

test('without a worker what is due is late after a minute', async () => {
  await Promise.all(service.workers.map((worker) => worker.lifecycle.stop('test')));
  const { emails } = await setUpQueue(service, 'acme/late', smtp.port);
  const at = await redis.time();
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  expect((await overview()).late).toEqual([]);
  // It was accepted two minutes ago.
  const accepted = Number(at[0]) * 1_000 - 120_000;
  await redis.hset(`rohrpost:{acme.late}:acme.late:${id}`, 'timestamp', accepted);
  const { workers, late } = await overview();
  expect([workers, late]).toEqual([
    0,
    [{ tenant: 'acme', application: 'late', oldestDueAt: new Date(accepted).toISOString(), due: 1 }],
  ]);
});
