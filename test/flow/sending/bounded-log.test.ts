// A server that says much, to an email that is tried often: every attempt is told, and the email stays small.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

/** 180 KB in lines, as RFC 5321 4.2.1 allows, and the last one that ends it. */
const flood = `${Array.from({ length: 200 }, (_, n) => `451-4.3.0 ${n} ${'words '.repeat(150)}`).join('\r\n')}\r\n451 4.3.0 come back later`;

beforeAll(async () => {
  smtp = await startSmtpServer({ script: { rcpt: () => ({ reply: flood }) } });
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const MIB = 1024 * 1024;
const recipients = (count: number) => Array.from({ length: count }, (_, n) => `r${n}@example.org`);

test('every attempt is in its history, with the beginning and the end of the first dialogues, in 2 MB', async () => {
  const { queue, emails } = await setUpQueue(service, 'loud/app', smtp.port);
  const attempts = 16;
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({
      to: recipients(100),
      log: 'dialogue',
      attempts,
      backoff: { type: 'fixed', delay: '1ms', maxDelay: '1ms', jitter: 0 },
    }),
  );
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('failed'), { timeout: 40_000 });
  const email = await service.email(queue, id);
  expect(email.attempts.map(({ number }) => number)).toEqual(Array.from({ length: attempts }, (_, n) => n + 1));
  const [first, last] = [email.attempts[0], email.attempts.at(-1)] as Record<string, unknown>[];
  const dialogue = first?.['dialogue'] as string[];
  expect(dialogue.some((line) => /^… \d+ lines left out$/.test(line))).toBe(true);
  expect(dialogue.slice(-9).join()).toContain('S: 451 4.3.0 come back later');
  expect(last).toMatchObject({ outcome: 'deferred', replies: [], shortened: true });
  expect(JSON.stringify(email).length).toBeLessThan(2 * MIB);
  const redis = await service.redis.connect();
  let held = 0;
  for (const key of await redis.keys(`*${id}*`)) held += Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
  redis.disconnect();
  expect(held).toBeLessThan(2 * MIB);
  expect(held).toBeGreaterThan(MIB / 2);
}, 60_000);

test('corrections without end leave the newest ones, and the email stays small', async () => {
  const { queue, emails } = await setUpQueue(service, 'busy/app', smtp.port);
  await service.ok('POST', `/v1/queues/${queue}/pause`);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  const redis = await service.redis.connect();
  const [log = ''] = [`rohrpost:{busy.app}:busy.app:${id}:logs`];
  // What an earlier version let grow: far beyond the bound.
  for (let n = 0; n < 40; n++) {
    const at = new Date(n).toISOString();
    await redis.rpush(log, JSON.stringify({ kind: 'change', at, by: 'x'.repeat(100_000), what: `old ${n}` }));
  }
  expect(JSON.stringify(await service.email(queue, id)).length).toBeLessThan(2 * MIB);
  await service.ok('PATCH', `${emails}/${id}`, { subject: 'Corrected' });
  const { changes } = await service.email(queue, id);
  expect(changes.at(-1)).toMatchObject({ what: 'corrected' });
  expect(changes.at(-2)).toMatchObject({ what: 'old 39' });
  expect(Number(await redis.memory('USAGE', log, 'SAMPLES', 0))).toBeLessThan(2 * MIB);
  redis.disconnect();
});
