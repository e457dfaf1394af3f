// What a tenant and the installation may have waiting: refused by name before Redis refuses, and again accepted when there is room.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp-server';
import { eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ api: { memoryShare: 0.5 } });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const many = (count: number) => ({ emails: Array.from({ length: count }, () => anEmail()) });

test('a tenant has no more emails waiting than the operator allows, over all its queues', async () => {
  const one = await setUpQueue(service, 'acme/one', smtp.port);
  const two = await setUpQueue(service, 'acme/two', smtp.port);
  await service.ok('PUT', '/v1/tenants/acme', { maxWaiting: 10 });
  for (const { queue } of [one, two]) await service.ok('POST', `/v1/queues/${queue}/pause`);
  await service.ok('POST', `${one.emails}/batch`, many(6));
  const second = await service.call('POST', `${two.emails}/batch`, many(5));
  expect(second).toMatchObject({ status: 507, body: { code: 'queue-full' } });
  await service.ok('POST', `${two.emails}/batch`, many(4));
  const full = await service.call<{ detail: string }>('POST', one.emails, anEmail());
  expect(full).toMatchObject({ status: 507, body: { code: 'queue-full' } });
  expect(full.body.detail).toContain('may have 10');
  const other = await setUpQueue(service, 'other/app', smtp.port);
  await service.ok('POST', other.emails, anEmail());
  for (const { queue } of [one, two]) await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(async () => expect((await service.call('POST', one.emails, anEmail())).status).toBe(202));
});

test('an administrator may not widen it, and does not lose it', async () => {
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const wider = await service.call('PUT', '/v1/tenants/acme', { maxWaiting: 100 }, { key });
  expect(wider).toMatchObject({ status: 403, body: { errors: [{ path: '/maxWaiting' }] } });
  await service.ok('PUT', '/v1/tenants/acme', { attempts: 3 }, { key });
  expect(await service.ok('GET', '/v1/tenants/acme')).toMatchObject({ maxWaiting: 10, attempts: 3 });
});

test('the last part of Redis is kept for what is under way: 507 before it refuses, and nothing is lost', async () => {
  const { queue, emails } = await setUpQueue(service, 'memory/app', smtp.port);
  const redis = await service.redis.connect();
  const used = Number(/used_memory:(\d+)/.exec(String(await redis.call('INFO', 'memory')))?.[1]);
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({ sendAt: new Date(Date.now() + 3_000).toISOString() }),
  );
  // Far from its end, and beyond half of it.
  await redis.call('CONFIG', 'SET', 'maxmemory', String(Math.round(used * 1.5)));
  await eventually(async () =>
    expect(await service.call('POST', emails, anEmail())).toMatchObject({ status: 507, body: { code: 'queue-full' } }),
  );
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  await redis.call('CONFIG', 'SET', 'maxmemory', '0');
  await eventually(async () => expect((await service.call('POST', emails, anEmail())).status).toBe(202));
  redis.close();
});
