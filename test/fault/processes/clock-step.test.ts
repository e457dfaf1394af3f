// Clocks that are set while a process runs: nothing early, late or expired, since Redis' clock decides.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openClient } from '../../support/redis/test-redis';
import { showTable } from '../../support/fault';
import { startSkewed, toldOfClock } from '../../support/processes/skewed-process';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const HOUR = 3_600_000;
/** What a scheduled email waits here, by the true clock. */
const AHEAD_MS = 3_000;

let service: Service;
let smtp: SmtpServer;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterEach(async () => {
  await service.close();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

const at = (ms: number): string => new Date(ms).toISOString();

test.each([
  ['forward', 0, 2 * HOUR],
  ['backward', 0, -2 * HOUR],
  ['right again', 2 * HOUR, 0],
])('a worker whose clock is set %s: nothing early, late or expired', async (_word, before, after) => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { history: { days: 1 } });
  const worker = await startSkewed(service, folder, 'worker', before);
  const send = (to: string, more: Record<string, unknown> = {}): Promise<EmailBody> =>
    service.ok<EmailBody>('POST', emails, anEmail({ to: [`${to}@example.org`], ...more }));
  const sent = await send('now');
  await smtp.waitForMessages(1);
  const sendAt = Date.now() + AHEAD_MS;
  await send('later', { sendAt: at(sendAt) });
  const hours = await send('hours', { sendAt: at(sendAt + HOUR), expiresAt: at(sendAt + 1.5 * HOUR) });
  await worker.set(after);
  const [, later] = await smtp.waitForMessages(2);
  showTable('clock set', [{ 'ms after sendAt': (later?.at ?? 0) - sendAt }]);
  expect(later?.to).toEqual(['later@example.org']);
  expect(later?.at).toBeGreaterThanOrEqual(sendAt);
  expect((later?.at ?? 0) - sendAt).toBeLessThan(3_000);
  // The sweep has looked since: it does every two seconds.
  await eventually(async () => expect(await service.email(queue, hours.id)).toMatchObject({ state: 'scheduled' }));
  expect((await service.email(queue, sent.id)).state).toBe('sent');
  await eventually(() => expect(toldOfClock(worker.log)).toHaveLength(1));
  expect(await worker.end('SIGTERM')).toBe(0);
  expect(smtp.messages).toHaveLength(2);
});

test('what the clock of a process that is gone wrote does not hold up the upkeep', async () => {
  const redis = openClient(service.redis.url);
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { enabled: false });
  // As if Redis' clock had been put back by two hours in the middle of a sweep.
  const then = Date.now() + 2 * HOUR;
  await redis.hset('rohrpost:duty:sweep', { holder: 'gone', till: then, due: then });
  await service.addWorker();
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ expiresAt: at(Date.now() + 500) }));
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('expired'));
  redis.disconnect();
});
