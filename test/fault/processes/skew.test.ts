// Clocks that are off, and that are set while a process runs: Redis' clock decides what is due and what is over.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openClient } from '../../support/redis/test-redis';
import { showTable } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What a scheduled email waits here, by the true clock. */
const AHEAD_MS = 3_000;

let service: Service;
let smtp: SmtpServer;
let folder: string;
let files = 0;

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

/** A process whose clock is off by so much, and can be set while it runs. */
const startSkewed = async (app: 'api' | 'worker', ms: number) => {
  const file = join(folder, `shift-${files++}`);
  const set = (to: number): Promise<void> => writeFile(file, String(to));
  await set(ms);
  const env = { ...serviceEnv(service.redis.url, service.dataDir), TEST_CLOCK_FILE: file };
  const started = await startProcess(app, env, 'shift-clock.mjs');
  if (app === 'api') {
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${started.port}/readyz`)).status).toBe(200));
  }
  return { ...started, set };
};

const post = async (api: ServiceProcess, path: string, body: unknown): Promise<Record<string, string>> => {
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([response.status, [201, 202].includes(response.status)]).toEqual([response.status, true]);
  return (await response.json()) as Record<string, string>;
};

const CLOSE_MS = 200;

const at = (ms: number): string => new Date(ms).toISOString();
const told = (log: string[]): string[] => log.filter((line) => /this machine's clock is/.test(line));

test.each([
  ['ahead of', 2 * HOUR],
  ['behind', -2 * HOUR],
])('an API two hours %s Redis: times as Redis says, the order of lists too', async (word, ms) => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { enabled: false });
  const api = await startSkewed('api', ms);
  const first = await service.ok<EmailBody>('POST', emails, anEmail());
  const begun = Date.now();
  // Processes know Redis' time to some milliseconds: what comes closer together may stand in either order.
  const nextTick = async (): Promise<void> => {
    const since = Date.now();
    await eventually(() => expect(Date.now() - since).toBeGreaterThan(CLOSE_MS));
  };
  await nextTick();
  const middle = await post(api, emails, anEmail());
  const later = await post(api, emails, anEmail({ sendAt: at(begun + HOUR) }));
  await nextTick();
  const last = await service.ok<EmailBody>('POST', emails, anEmail());
  const listed = await service.ok<{ emails: EmailBody[] }>('GET', emails);
  expect(listed.emails.map(({ id }) => id)).toEqual([last.id, later['id'], middle['id'], first.id]);
  expect([middle['state'], later['state']]).toEqual(['queued', 'scheduled']);
  // Three days from acceptance, by default.
  expect(Math.abs(Date.parse(middle['expiresAt'] ?? '') - begun - 3 * 24 * HOUR)).toBeLessThan(10_000);
  expect(Math.abs(Date.parse(String((await service.email(queue, last.id))['acceptedAt'])) - begun)).toBeLessThan(
    10_000,
  );
  const key = { role: 'sender', tenant: 'acme', application: 'app', expiresAt: at(begun + MINUTE) };
  const { key: secret } = await post(api, '/v1/keys', key);
  const path = `http://127.0.0.1:${api.port}${emails}`;
  const answer = await fetch(path, { headers: { authorization: `Bearer ${secret ?? ''}` } });
  expect(answer.status).toBe(200);
  expect(told(api.log)).toEqual([expect.stringContaining(`is 7200 s ${word}`)]);
  expect(await api.end('SIGTERM')).toBe(0);
});

test.each([
  ['forward', 0, 2 * HOUR],
  ['backward', 0, -2 * HOUR],
  ['right again', 2 * HOUR, 0],
])('a worker whose clock is set %s: nothing early, late or expired', async (_word, before, after) => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { history: { days: 1 } });
  const worker = await startSkewed('worker', before);
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
  await eventually(() => expect(told(worker.log)).toHaveLength(1));
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
