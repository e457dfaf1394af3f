// Several workers, workers that stop, and a Redis that goes away: nothing lost, nothing doubled, nothing hangs.
import { startRedis } from '../../dev/redis';
import { anEmail, setUpQueue, startService, type Answer, type Service } from '../support/service';
import { serviceEnv, startProcess } from '../support/process';
import { startSmtpServer, type SmtpServer } from '../support/smtp-server';
import { eventually } from '../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const batch = (from: number, count: number) => ({
  emails: Array.from({ length: count }, (_, n) => ({ to: [`r${from + n}@example.org`] })),
  defaults: { subject: 'Bulk', text: 'Hello' },
});

const recipients = (): string[] => smtp.messages.map(({ to }) => to[0] ?? '');

test('three workers share the emails of many queues without a double', async () => {
  service = await startService({ workers: 3, worker: { concurrency: 10, maxOpenQueues: 4 } });
  const queues = await Promise.all(
    Array.from({ length: 12 }, (_, n) => setUpQueue(service, `acme/app-${n}`, smtp.port)),
  );
  await Promise.all(queues.map(({ emails }, n) => service.ok('POST', `${emails}/batch`, batch(n * 100, 100))));
  await smtp.waitForMessages(1_200, 30_000);
  await eventually(async () => {
    for (const { queue } of queues)
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 100 } });
  });
  expect(new Set(recipients()).size).toBe(1_200);
  expect(smtp.messages).toHaveLength(1_200);
  expect(service.workers.every(({ fleet }) => fleet.inWork === 0)).toBe(true);
});

test('SIGTERM under load: workers end in time with exit code 0, nothing is lost, doubled or counted', async () => {
  smtp.setScript({ dot: () => ({ delay: 20 }) });
  service = await startService({ workers: 0 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 50 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const first = await startProcess('worker', env);
  const second = await startProcess('worker', env);
  const accepting = Promise.all(
    Array.from({ length: 10 }, (_, n) => service.ok('POST', `${emails}/batch`, batch(n * 100, 100))),
  );
  await smtp.waitForMessages(100);
  const begun = Date.now();
  expect(await first.end('SIGTERM')).toBe(0);
  expect(Date.now() - begun).toBeLessThan(8_000);
  await smtp.waitForMessages(400);
  expect(await second.end('SIGTERM')).toBe(0);
  await accepting;
  const third = await startProcess('worker', env);
  await smtp.waitForMessages(1_000);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 1_000 } }),
  );
  expect(await third.end('SIGTERM')).toBe(0);
  expect(new Set(recipients()).size).toBe(1_000);
  expect(smtp.messages).toHaveLength(1_000);
  const page = await service.ok<{ emails: { attemptsMade: number }[] }>('GET', `${emails}?limit=200`);
  expect(page.emails.every(({ attemptsMade }) => attemptsMade === 1)).toBe(true);
});

test('a worker that is killed in the middle loses nothing: another one goes on', async () => {
  smtp.setScript({ rcpt: () => ({ delay: 50 }) });
  service = await startService({ workers: 0 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, {
    concurrency: 50,
    backoff: { delay: '100ms' },
  });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const killed = await startProcess('worker', env);
  await service.ok('POST', `${emails}/batch`, batch(0, 300));
  await smtp.waitForMessages(40);
  expect(await killed.end('SIGKILL')).toBe('SIGKILL');
  smtp.setScript({});
  await service.addWorker();
  await eventually(
    async () =>
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 300, failed: 0 } }),
    { timeout: 45_000 },
  );
  expect(new Set(recipients()).size).toBe(300);
});

test('Redis away, at the start and in between: 503 at once, and everything comes back by itself', async () => {
  service = await startService({ workers: 1 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const timed = async (work: () => Promise<Answer>): Promise<Answer> => {
    const begun = Date.now();
    const answer = await work();
    expect(Date.now() - begun).toBeLessThan(4_500);
    return answer;
  };
  await service.redis.kill('SIGKILL');
  for (const [method, path, body] of [
    ['POST', emails, anEmail()],
    ['GET', emails],
    ['PUT', '/v1/tenants/x', {}],
    ['POST', `${emails}/batch`, batch(0, 2)],
  ] as const) {
    const answer = await timed(() => service.call(method, path, body));
    expect([path, answer.status, answer.body['code'], answer.headers.get('retry-after')]).toEqual([
      path,
      503,
      'unavailable',
      '2',
    ]);
  }
  expect((await timed(() => service.call('GET', '/readyz'))).status).toBe(503);
  expect((await service.call('GET', '/livez')).status).toBe(200);
  const env = serviceEnv(service.redis.url, service.dataDir);
  const late = await startProcess('api', env);
  expect((await fetch(`http://127.0.0.1:${late.port}/readyz`)).status).toBe(503);

  await restartRedis();
  await eventually(async () => expect((await service.call('GET', '/readyz')).status).toBe(200));
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${late.port}/readyz`)).status).toBe(200));
  const { id } = await service.ok<{ id: string }>('POST', emails, anEmail());
  await smtp.waitForMessages(1);
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  expect(await late.end('SIGTERM')).toBe(0);
});

const restartRedis = async (): Promise<void> => {
  service.redis = await startRedis({ dataDir: service.dataDir });
};

test('a frozen Redis does not hang a request', async () => {
  service = await startService({ workers: 0 });
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.redis.kill('SIGSTOP');
  const begun = Date.now();
  const answer = await service.call('POST', emails, anEmail());
  expect([answer.status, answer.body['code']]).toEqual([503, 'unavailable']);
  expect(Date.now() - begun).toBeLessThan(10_000);
  await service.redis.kill('SIGCONT');
  await eventually(async () => expect((await service.call('POST', emails, anEmail())).status).toBe(202));
});
