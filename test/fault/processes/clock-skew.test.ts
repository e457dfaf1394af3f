// Clocks that are two hours off: Redis' clock decides what is due and what is over.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/processes/free-port';
import type { ServiceProcess } from '../../support/processes/process';
import { scrape } from '../../support/http/scrape';
import { startSkewed, toldOfClock } from '../../support/processes/skewed-process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
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

test.each([
  ['ahead of', 2 * HOUR],
  ['behind', -2 * HOUR],
])('an API two hours %s Redis: times as Redis says, the order of lists too', async (word, ms) => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { enabled: false });
  const api = await startSkewed(service, folder, 'api', ms);
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
  expect(toldOfClock(api.log)).toEqual([expect.stringContaining(`is 7200 s ${word}`)]);
  expect(await api.end('SIGTERM')).toBe(0);
});

test('a worker two hours ahead: nothing early, nothing expired; it says so in its log and as a metric', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const probe = await freePort();
  const worker = await startSkewed(service, folder, 'worker', 2 * HOUR, { ROHRPOST_PROBE_PORT: String(probe) });
  const now = Date.now();
  const later = await service.ok<EmailBody>('POST', emails, anEmail({ sendAt: at(now + HOUR) }));
  const tight = await service.ok<EmailBody>('POST', emails, anEmail({ expiresAt: at(now + MINUTE) }));
  await smtp.waitForMessages(1);
  await eventually(async () => expect((await service.email(queue, tight.id)).state).toBe('sent'));
  const skew = (await scrape(probe)).series.get('rohrpost_clock_skew_seconds') ?? 0;
  expect(Math.abs(skew - 7_200)).toBeLessThan(2);
  expect(toldOfClock(worker.log)).toEqual([expect.stringContaining('is 7200 s ahead of')]);
  expect((await service.email(queue, later.id)).state).toBe('scheduled');
  expect(await worker.end('SIGTERM')).toBe(0);
  expect(smtp.messages).toHaveLength(1);
});
