// What an SMTP server allows holds over all workers and queues; who waits for it holds nobody else up.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  service = await startService({ workers: 3 });
});
afterAll(() => service.close());
beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(() => smtp.close());

const limited = (tenant: string, limits: Record<string, number>) =>
  service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    limits,
  });
const many = (emails: string, count: number) =>
  service.ok('POST', `${emails}/batch`, { emails: Array.from({ length: count }, () => anEmail()) });

test('no second has more emails than the transport allows, over three queues and three workers', async () => {
  const names = ['a', 'b', 'c'];
  const queues = await Promise.all(names.map((name) => setUpQueue(service, `rate/${name}`, smtp.port)));
  await limited('rate', { perSecond: 10 });
  for (const { emails } of queues) await many(emails, 10);
  await smtp.waitForMessages(30, 15_000);
  const times = smtp.messages.map(({ at }) => at).sort((one, other) => one - other);
  // Admitted a second apart, seen at the server with what sending took of it.
  for (const [index, at] of times.entries()) expect((times[index + 11] ?? Infinity) - at).toBeGreaterThan(700);
  expect(smtp.messages).toHaveLength(30);
});

test('no window holds more than a queue may send, by arrival at the server: over three workers, whatever an answer takes', async () => {
  const [max, per] = [10, 1_000];
  const { queue, emails } = await setUpQueue(service, 'window/app', smtp.port, { rate: { max, per: '1s' } });
  // The first arrive late, those of the next window at once: counted by when they began they would meet.
  let begun = 0;
  smtp.setScript({ mail: () => (begun++ < max ? { delay: 400 } : {}) });
  await many(emails, 30);
  await smtp.waitForMessages(max);
  const last = (await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?state=queued`)).emails.at(0);
  const explained = await service.ok<{ reasons: { code: string; until?: string }[] }>(
    'GET',
    `${emails}/${last?.id ?? ''}/explain`,
  );
  const limit = explained.reasons.find(({ code }) => code === 'rate-limited');
  expect(Date.parse(limit?.until ?? '')).toBeGreaterThan(Date.now());
  expect(last).toMatchObject({ attemptsMade: 0 });
  await smtp.waitForMessages(30, 15_000);
  const times = smtp.messages.map(({ at }) => at).sort((one, other) => one - other);
  for (const [index, at] of times.entries()) expect((times[index + max] ?? Infinity) - at).toBeGreaterThanOrEqual(per);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 30 } }),
  );
});

test('no more connections at once than allowed, and all is sent', async () => {
  const { queue, emails } = await setUpQueue(service, 'connections/app', smtp.port);
  const other = await setUpQueue(service, 'connections/other', smtp.port);
  await limited('connections', { connections: 2 });
  smtp.setScript({ dot: () => ({ delay: 20 }) });
  await many(emails, 60);
  await many(other.emails, 20);
  await smtp.waitForMessages(80, 40_000);
  expect(smtp.maxOpen).toBe(2);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 60 } }),
  );
});

test('a queue at its limit holds no place that another one could use', async () => {
  const slow = await setUpQueue(service, 'slow/app', smtp.port);
  await limited('slow', { perHour: 5 });
  const quick = await setUpQueue(service, 'quick/app', smtp.port);
  await many(slow.emails, 500);
  await smtp.waitForMessages(5);
  await many(quick.emails, 100);
  await smtp.waitForMessages(105, 15_000);
  expect(await service.ok('GET', `/v1/queues/${quick.queue}`)).toMatchObject({ tenant: 'quick' });
  await eventually(async () => {
    expect(await service.ok('GET', `/v1/queues/${slow.queue}`)).toMatchObject({ counts: { sent: 5, queued: 495 } });
    expect(await service.ok('GET', `/v1/queues/${quick.queue}`)).toMatchObject({ counts: { sent: 100 } });
  });
  await eventually(() => expect(service.workers.map(({ fleet }) => fleet.inWork)).toEqual([0, 0, 0]));
});

test('an email that names another transport is counted there', async () => {
  const { queue, emails } = await setUpQueue(service, 'two/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/two/transports/second', {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    limits: { perHour: 1 },
  });
  await limited('two', { perHour: 3 });
  const first = await service.ok<EmailBody>('POST', emails, anEmail({ transport: 'second' }));
  await smtp.waitForMessages(1);
  const parked = await service.ok<EmailBody>('POST', emails, anEmail({ transport: 'second' }));
  await many(emails, 3);
  await smtp.waitForMessages(4);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 4 } }),
  );
  expect(await service.email(queue, first.id)).toMatchObject({ state: 'sent' });
  expect(await service.email(queue, parked.id)).toMatchObject({ state: 'queued', attemptsMade: 0 });
  const { reasons } = await service.ok<{ reasons: { code: string; until?: string }[] }>(
    'GET',
    `${emails}/${parked.id}/explain`,
  );
  const reason = reasons.find(({ code }) => code === 'transport-limited');
  expect(Date.parse(reason?.until ?? '') - Date.now()).toBeGreaterThan(50 * 60_000);
});

const put = (tenant: string, transport: string, more: Record<string, unknown>) =>
  service.ok('PUT', `/v1/tenants/${tenant}/transports/${transport}`, {
    host: '127.0.0.1',
    port: smtp.port,
    security: 'none',
    ...more,
  });

test.each(['default', 'second'])('what no server was asked for does not count: %s', async (transport) => {
  const tenant = `unasked-${transport}`;
  const { queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port, { concurrency: 1 });
  const limits = { perHour: 3 };
  await put(tenant, transport, { limits });
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const five = { emails: Array.from({ length: 5 }, () => anEmail({ transport })) };
  await service.ok('POST', `${emails}/batch`, five);
  await put(tenant, transport, { limits, allowedFrom: ['@elsewhere.example'] });
  await service.ok('POST', `/v1/queues/${queue}/resume`);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { failed: 5 } }),
  );
  await put(tenant, transport, { limits });
  await service.ok('POST', `${emails}/batch`, five);
  await smtp.waitForMessages(3);
  expect(smtp.messages).toHaveLength(3);
});

test('a limit that is raised holds at once for who waits already', async () => {
  const { emails } = await setUpQueue(service, 'raised/app', smtp.port);
  await put('raised', 'default', { limits: { perDay: 2 } });
  await many(emails, 5);
  await smtp.waitForMessages(2);
  // Nobody looks at the queue any more before the day is over.
  await eventually(() => expect(service.workers.map(({ fleet }) => fleet.open)).toEqual([0, 0, 0]));
  await put('raised', 'default', { limits: { perDay: 10 } });
  await smtp.waitForMessages(5);
});
