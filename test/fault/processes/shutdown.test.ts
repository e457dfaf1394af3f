// SIGTERM under load: workers end in time, nothing is lost, sent twice or counted as an attempt.
import { aBatch } from '../../support/emails';
import { showTable } from '../../support/fault';
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

test('SIGTERM under load: workers end in time with exit code 0, nothing is lost, doubled or counted', async () => {
  smtp.setScript({ dot: () => ({ delay: 20 }) });
  service = await startService({ workers: 0 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 50 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const first = await startProcess('worker', env);
  const second = await startProcess('worker', env);
  const accepting = Promise.all(
    Array.from({ length: 10 }, (_, n) => service.ok('POST', `${emails}/batch`, aBatch(n * 100, 100))),
  );
  await smtp.waitForMessages(100);
  const begun = Date.now();
  expect(await first.end('SIGTERM')).toBe(0);
  const took = Date.now() - begun;
  expect(took).toBeLessThan(8_000);
  await smtp.waitForMessages(400);
  expect(await second.end('SIGTERM')).toBe(0);
  await accepting;
  const third = await startProcess('worker', env);
  await smtp.waitForMessages(1_000);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 1_000 } }),
  );
  expect(await third.end('SIGTERM')).toBe(0);
  showTable('shutdown', [
    {
      emails: 1_000,
      received: smtp.messages.length,
      different: new Set(recipients()).size,
      'ms until the first had ended': took,
    },
  ]);
  expect(new Set(recipients()).size).toBe(1_000);
  expect(smtp.messages).toHaveLength(1_000);
  const page = await service.ok<{ emails: { attemptsMade: number }[] }>('GET', `${emails}?limit=200`);
  expect(page.emails.every(({ attemptsMade }) => attemptsMade === 1)).toBe(true);
});
