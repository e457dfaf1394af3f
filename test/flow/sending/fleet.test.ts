// Several workers, and workers that die: nothing lost, nothing doubled.
import { aBatch } from '../../support/emails';
import { setUpQueue, startService, type Service } from '../../support/service';
import { serviceEnv, startProcess } from '../../support/processes/process';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const recipients = (): string[] => smtp.messages.map(({ to }) => to[0] ?? '');

test('three workers share the emails of many queues without a double', async () => {
  service = await startService({ workers: 3, worker: { concurrency: 10, maxOpenQueues: 4 } });
  const queues = await Promise.all(
    Array.from({ length: 12 }, (_, n) => setUpQueue(service, `acme/app-${n}`, smtp.port)),
  );
  await Promise.all(queues.map(({ emails }, n) => service.ok('POST', `${emails}/batch`, aBatch(n * 100, 100))));
  await smtp.waitForMessages(1_200, 30_000);
  await eventually(async () => {
    for (const { queue } of queues)
      expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 100 } });
  });
  expect(new Set(recipients()).size).toBe(1_200);
  expect(smtp.messages).toHaveLength(1_200);
  expect(service.workers.every(({ fleet }) => fleet.inWork === 0)).toBe(true);
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
  await service.ok('POST', `${emails}/batch`, aBatch(0, 300));
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
