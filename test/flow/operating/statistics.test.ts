// What is counted by hour and day agrees with what happened, for each queue, transport and tenant, within a key's reach.
import { openClient } from '../../support/redis/test-redis';
import { queueKeys } from '../../../libs/store/redis/keys';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

interface Row extends Record<string, unknown> {
  at: string;
  latency: { count: number; meanMs: number; within: Record<string, number> };
}

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '', message }) => {
        if (recipient.startsWith('nobody')) return '550 5.1.1 unknown';
        return recipient.startsWith('busy') && message < 1_000 ? '451 4.7.1 later' : undefined;
      },
    },
  });
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const rowsOf = async (path: string, key?: string): Promise<Row[]> =>
  (await service.ok<{ rows: Row[] }>('GET', `/v1${path}`, undefined, key === undefined ? {} : { key })).rows;
/** Over a full hour or midnight there are two of each. */
const total = (rows: Row[], name: string): number => rows.reduce((sum, row) => sum + Number(row[name]), 0);
const totals = (rows: Row[]) =>
  ['accepted', 'sent', 'failed', 'deferred', 'expired', 'canceled', 'uncertain'].map((name) => total(rows, name));

test('each change counts once, in its hour and in its day', async () => {
  const { emails, queue } = await setUpQueue(service, 'acme/app', smtp.port, { backoff: { delay: '6h' } });
  const other = await setUpQueue(service, 'acme/other', smtp.port);
  const foreign = await setUpQueue(service, 'foreign/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/acme/transports/second', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
  });
  const post = async (path: string, more: Record<string, unknown> = {}) =>
    (await service.ok<EmailBody>('POST', path, anEmail(more))).id;
  await service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: 150 }, () => anEmail()) });
  await post(emails, { transport: 'second' });
  for (const name of ['nobody', 'nobody', 'busy']) await post(emails, { to: [`${name}@example.org`] });
  const later = await post(emails, { sendAt: '2034-01-01T00:00:00Z' });
  await service.ok('POST', `${emails}/${later}/hold`);
  await service.ok('POST', `${emails}/${later}/cancel`);
  await post(other.emails);
  await post(foreign.emails, { to: ['nobody@example.org'] });
  const counted = (path: string, counts: Record<string, number>) =>
    eventually(async () => expect(await service.ok('GET', `/v1/queues/${path}`)).toMatchObject({ counts }));
  await counted(queue, { sent: 151, failed: 2, deferred: 1, canceled: 1 });
  await counted('acme/other', { sent: 1 });
  await counted('foreign/app', { failed: 1 });

  for (const by of ['hour', 'day']) {
    const rows = await rowsOf(`/queues/${queue}/statistics?by=${by}`);
    expect(totals(rows)).toEqual([155, 151, 2, 1, 0, 1, 0]);
    expect(rows.reduce((sum, { latency }) => sum + latency.count, 0)).toBe(151);
    for (const { latency } of rows) {
      expect(Object.values(latency.within).reduce((sum, one) => sum + one, 0)).toBe(latency.count);
      expect(latency.meanMs).toBeLessThan(10_000);
    }
    expect(totals(await rowsOf(`/tenants/acme/statistics?by=${by}`))).toEqual([156, 152, 2, 1, 0, 1, 0]);
    expect(totals(await rowsOf(`/statistics?by=${by}`))).toEqual([157, 152, 3, 1, 0, 1, 0]);
  }
  const byTransport = await rowsOf(`/queues/${queue}/statistics?by=hour&group=transport`);
  const of = (transport: string) => byTransport.filter((row) => row['transport'] === transport);
  expect([total(of(''), 'accepted'), total(of('default'), 'sent'), total(of('second'), 'sent')]).toEqual([155, 150, 1]);
  const byQueue = await rowsOf('/statistics?group=queue');
  expect(new Set(byQueue.map(({ tenant, application }) => `${String(tenant)}/${String(application)}`))).toEqual(
    new Set(['acme/app', 'acme/other', 'foreign/app']),
  );
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'reader', tenant: 'foreign' });
  expect(totals(await rowsOf('/statistics', key))).toEqual([1, 0, 1, 0, 0, 0, 0]);
  const past = new Date(Date.now() - 3 * 86_400_000).toISOString();
  const before = new Date(Date.now() - 2 * 86_400_000).toISOString();
  expect(await rowsOf(`/statistics?since=${past}&until=${before}`)).toEqual([]);
  expect((await service.call('GET', `/v1/statistics?since=${before}&until=${past}`)).status).toBe(422);
});

test('an email that is sent after a release counts, but not its time; nothing of it stays with the queue', async () => {
  const { emails, queue } = await setUpQueue(service, 'gone/app', smtp.port);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['nobody@example.org'] }));
  const counts = (expected: object) =>
    eventually(async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: expected }));
  await counts({ failed: 1 });
  await service.ok('PATCH', `${emails}/${id}`, { to: ['ann@example.org'] });
  await service.ok('POST', `${emails}/${id}/release`);
  await counts({ sent: 1 });
  const rows = await rowsOf(`/queues/${queue}/statistics`);
  expect(totals(rows)).toEqual([1, 1, 1, 0, 0, 0, 0]);
  expect(rows.reduce((sum, { latency }) => sum + latency.count, 0)).toBe(0);
  const redis = openClient(service.redis.url);
  const tallies = `${queueKeys({ tenant: 'gone', application: 'app' }).bull}rp:tallies:*`;
  const found = await redis.keys(tallies);
  expect(found.length).toBeGreaterThan(0);
  for (const key of found) expect(await redis.ttl(key)).toBeGreaterThan(14 * 86_400);
  await service.ok('DELETE', `${emails}/${id}`);
  await service.ok('DELETE', `/v1/queues/${queue}`);
  expect(await redis.keys(tallies)).toEqual([]);
  redis.disconnect();
});
