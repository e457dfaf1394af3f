// A tenant that stores whatever it may, as fast as it can: Redis does not fill by it, and its neighbour's emails are accepted and sent.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';

let service: Service;
let smtp: SmtpServer;
let key: string;
const MIB = 1024 * 1024;

beforeAll(async () => {
  smtp = await startSmtpServer();
  const bounds = { maxTemplateBytes: 4 * MIB, maxKeys: 10, maxQueues: 10, maxTransports: 10 };
  service = await startService({ plainRedis: true, api: { memoryShare: 0.9, bounds } });
  for (const tenant of ['a', 'b']) await setUpQueue(service, `${tenant}/app`, smtp.port);
  await service.ok('PUT', '/v1/tenants/a', { maxWaiting: 1, maxContentBytes: 1 });
  ({ key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'a' }));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

/** What the tenant's administrator may store, each time something new. */
const GREEDY: [what: string, call: (n: number) => [method: string, path: string, body: unknown]][] = [
  ['versions', (n) => ['PUT', '/v1/tenants/a/templates/one', { text: `${n} ${'x'.repeat(400_000)}` }]],
  ['templates', (n) => ['PUT', `/v1/tenants/a/templates/t${n}`, { text: `${n} ${'x'.repeat(400_000)}` }]],
  ['keys', () => ['POST', '/v1/keys', { role: 'sender', tenant: 'a' }]],
  ['queues', (n) => ['PUT', `/v1/queues/a/q${n}`, {}]],
  ['transports', (n) => ['PUT', `/v1/tenants/a/transports/t${n}`, { host: 'smtp.acme.example' }]],
];

test('tenants with no emails to speak of cannot fill Redis by what else they store', async () => {
  const redis = await service.redis.connect();
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  const before = await used();
  // Room for what the bounds let in three times over; without them 24 versions of one template and as many templates of 400 KB would fill it.
  const most = before + 14 * MIB;
  await redis.config('SET', 'maxmemory', String(most));
  const ids: string[] = [];
  for (const [what, call] of GREEDY) {
    const codes: unknown[] = [];
    for (let n = 0; n < 24; n++) {
      const answer = await service.call(...call(n), { key });
      if (answer.status >= 300) codes.push([answer.status, answer.body['code']]);
      if (n % 10 === 0) ids.push((await service.ok<EmailBody>('POST', '/v1/queues/b/app/emails', anEmail())).id);
    }
    expect([what, codes.length > 10, codes.at(-1)]).toEqual([what, true, [507, 'tenant-full']]);
  }
  expect(await used()).toBeLessThan(most * 0.9);
  await smtp.waitForMessages(ids.length);
  redis.disconnect();
});
