// A worker that stands still in the middle of a dialogue, and goes on when another has taken over, must not send what it holds.
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { FULL, showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

/** Stopped by a signal, or its event loop blocked: then its sockets and timers have all come due when it goes on. */
const STORIES = [
  { how: 'frozen', rounds: FULL ? 100 : 1, blockMs: undefined },
  { how: 'blocked', rounds: FULL ? 5 : 1, blockMs: FULL ? 40_000 : 20_000 },
] as const;

let service: Service;
let smtp: SmtpServer;
const workers: ServiceProcess[] = [];
const found: Record<string, string | number>[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await service.close();
  await smtp.close();
  showTable('frozen-worker', found);
});

const says = (worker: ServiceProcess, words: RegExp, timeout = 20_000): Promise<void> =>
  eventually(() => expect(worker.log.some((line) => words.test(line))).toBe(true), { timeout });

/** It stands still from here on, until `goOn`. */
const standStill = async (worker: ServiceProcess, blocked: boolean): Promise<void> => {
  worker.child.kill(blocked ? 'SIGUSR2' : 'SIGSTOP');
  if (blocked) await says(worker, /event loop is blocked/);
};
const goOn = async (worker: ServiceProcess, blocked: boolean): Promise<void> => {
  if (blocked) await says(worker, /event loop goes on/, 60_000);
  else worker.child.kill('SIGCONT');
};

test.each(STORIES)(
  '$how before the message, going on after its lock went to another: sent once',
  async ({ how, rounds, blockMs }) => {
    const blocked = blockMs !== undefined;
    const { queue, emails } = await setUpQueue(service, `acme/${how}`, smtp.port);
    const env = serviceEnv(service.redis.url, service.dataDir);
    const before = smtp.messages.length;
    for (let round = 0; round < rounds; round++) {
      const held = await startProcess('worker', { ...env, TEST_BLOCK_MS: String(blockMs) }, 'block-loop.mjs');
      workers.push(held);
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
      const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: [`${how}${round}@example.org`] }));
      await reached.promise;
      await standStill(held, blocked);
      // Blocked: the reply waits in its socket while the lock runs out.
      if (blocked) reply.resolve('354 go ahead');
      const other = await startProcess('worker', env);
      workers.push(other);
      await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'), {
        timeout: 60_000,
        every: 100,
      });
      reply.resolve('354 go ahead');
      await goOn(held, blocked);
      // It gives up: its connection ends, it settles nothing, and nothing more arrives.
      await says(held, /not settled|hold on an email was lost/);
      const settled = ({ log }: ServiceProcess): boolean => log.some((line) => line.includes('"state":"sent"'));
      expect([settled(held), settled(other)]).toEqual([false, true]);
      expect((await service.email(queue, id)).attempts).toMatchObject([{ outcome: 'sent' }]);
      expect(await held.end('SIGTERM')).toBe(0);
      expect(await other.end('SIGTERM')).toBe(0);
    }
    const taken = smtp.messages.slice(before);
    const twice = taken.length - new Set(taken.map(({ to }) => to[0])).size;
    found.push({ how, rounds, received: taken.length, twice });
    expect({ received: taken.length, twice }).toEqual({ received: rounds, twice: 0 });
  },
  100 * 120_000,
);
