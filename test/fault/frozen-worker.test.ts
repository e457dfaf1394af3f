// A worker frozen in the middle of a dialogue and woken when another has taken over must not send what it holds.
import { startProcess, serviceEnv, type ServiceProcess } from '../support/process';
import { FULL, showTable } from '../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp-server';
import { deferred, eventually } from '../support/wait';

const ROUNDS = FULL ? 100 : 1;

let service: Service;
let smtp: SmtpServer;
const workers: ServiceProcess[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await service.close();
  await smtp.close();
});

test(
  'frozen before the message, woken after its lock went to another: sent once',
  async () => {
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
    const env = serviceEnv(service.redis.url, service.dataDir);
    for (let round = 0; round < ROUNDS; round++) {
      const frozen = await startProcess('worker', env);
      workers.push(frozen);
      const reached = deferred<void>();
      const reply = deferred<string>();
      let first = true;
      smtp.setScript({
        data: () => {
          if (!first) return undefined;
          first = false;
          reached.resolve();
          return reply.promise;
        },
      });
      const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: [`r${round}@example.org`] }));
      await reached.promise;
      frozen.child.kill('SIGSTOP');
      const other = await startProcess('worker', env);
      workers.push(other);
      await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'), {
        timeout: 60_000,
        every: 100,
      });
      reply.resolve('354 go ahead');
      frozen.child.kill('SIGCONT');
      // It gives up: its connection ends, and nothing more arrives.
      await eventually(
        () => expect(frozen.log.some((line) => /not settled|hold on an email was lost/.test(line))).toBe(true),
        { timeout: 20_000 },
      );
      expect(await frozen.end('SIGTERM')).toBe(0);
      expect(await other.end('SIGTERM')).toBe(0);
    }
    const twice = smtp.messages.length - new Set(smtp.messages.map(({ to }) => to[0])).size;
    showTable('frozen-worker', [{ rounds: ROUNDS, received: smtp.messages.length, twice }]);
    expect({ received: smtp.messages.length, twice }).toEqual({ received: ROUNDS, twice: 0 });
  },
  ROUNDS * 120_000,
);
