// An API whose clock is five minutes ahead of or behind the worker's: nothing early by the worker's clock, lateness bounded.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { showTable } from '../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../support/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp-server';
import { eventually } from '../support/wait';

const SKEW_MS = 300_000;
/** What a scheduled email waits here, by the true clock. */
const AHEAD_MS = 2_500;

let service: Service;
let smtp: SmtpServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
  smtp = await startSmtpServer();
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

/** An API in a process whose clock is off. */
const startSkewed = async (ms: number): Promise<ServiceProcess> => {
  const file = join(folder, `skew${ms}.cjs`);
  await writeFile(file, `const now = Date.now; Date.now = () => now() + ${ms};`);
  return startProcess('api', { ...serviceEnv(service.redis.url, service.dataDir), NODE_OPTIONS: `--require ${file}` });
};

test.each([
  ['ahead of', SKEW_MS],
  ['behind', -SKEW_MS],
])('an API five minutes %s the workers', async (word, ms) => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const api = await startSkewed(ms);
  const post = async (body: unknown): Promise<EmailBody> => {
    const response = await fetch(`http://127.0.0.1:${api.port}${emails}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(202);
    return (await response.json()) as EmailBody;
  };
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${api.port}/readyz`)).status).toBe(200));
  smtp.messages.length = 0;
  const sendAt = Date.now() + AHEAD_MS;
  await post(anEmail({ to: ['now@example.org'] }));
  await post(anEmail({ to: ['later@example.org'], sendAt: new Date(sendAt).toISOString() }));
  const received = await smtp.waitForMessages(2);
  const later = received.find(({ to }) => to.includes('later@example.org'))?.at ?? 0;
  showTable(`skew: API ${word} the workers`, [{ 'ms after sendAt': later - sendAt }]);
  expect(later).toBeGreaterThanOrEqual(sendAt);
  expect(later - sendAt).toBeLessThan(1_500);
  expect(await api.end('SIGTERM')).toBe(0);
});
