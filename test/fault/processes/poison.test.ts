// An email that takes its worker down every time is put aside for a person; the others go on.
import { startProcess, serviceEnv, type ServiceProcess } from '../../support/processes/process';
import { FULL, showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let worker: ServiceProcess;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterAll(async () => {
  await worker.end('SIGKILL');
  await service.close();
  await smtp.close();
});

test('held after it took five workers down, released it goes its way, and nothing else was harmed', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const env = serviceEnv(service.redis.url, service.dataDir);
  const start = () => startProcess('worker', env);
  worker = await start();
  let crashes = 0;
  let restarting: Promise<void> = Promise.resolve();
  smtp.setScript({
    rcpt: ({ recipient }) => {
      if (recipient !== 'poison@example.org') return undefined;
      crashes++;
      restarting = worker.end('SIGKILL').then(async () => {
        worker = await start();
      });
      return { action: 'stall' };
    },
  });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['poison@example.org'] }));
  // The shortened form begins where four workers are gone already: each takes a lock's life and a check to notice.
  const redis = await service.redis.connect();
  if (!FULL)
    await eventually(async () =>
      expect(await redis.call('HSET', `rohrpost:{acme.app}:acme.app:${id}`, 'stc', '4')).toBeDefined(),
    );
  redis.disconnect();
  await eventually(() => expect(crashes).toBeGreaterThan(0));
  const good = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['good@example.org'] }));
  const held = await eventually(
    async () => {
      const email = await service.email(queue, id);
      expect(email.state).toBe('held');
      return email;
    },
    { timeout: 300_000, every: 200 },
  );
  await restarting;
  await eventually(async () => expect((await service.email(queue, good.id)).state).toBe('sent'));
  showTable('poison', [{ crashes, state: held.state, reason: held.reason?.text ?? '' }]);
  expect(held.reason?.code).toBe('held');
  expect(crashes).toBe(FULL ? 5 : 1);
  const told = worker.log.filter((line) => line.includes(id)).map((line) => JSON.parse(line) as { message: string });
  expect(told.map(({ message }) => message)).toEqual(['put back: its worker is gone', 'ended unsent']);
  expect(told[0]).toMatchObject({ tenant: 'acme', application: 'app' });
  smtp.setScript({});
  await service.ok('POST', `${emails}/${id}/release`);
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
}, 400_000);
