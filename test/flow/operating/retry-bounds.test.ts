// The operator says how often and how soon emails may be tried: new input beyond it is refused, what was stored before is held to it.
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';
import { retryDelay } from '../../../libs/mail/email/retry';

const RETRIES = { leastBackoff: 300, mostAttempts: 3 };
let service: Service;
let smtp: SmtpServer;
let emails: string;

beforeAll(async () => {
  smtp = await startSmtpServer({ script: { rcpt: () => ({ reply: '451 4.7.1 later' }) } });
  service = await startService({ api: { retries: RETRIES }, worker: { retries: RETRIES } });
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port));
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const TOO_MANY = ['attempts', { attempts: 4 }] as const;
const TOO_SOON = ['backoff/delay', { backoff: { delay: '299ms' } }] as const;
const TOO_SHORT = ['backoff/maxDelay', { backoff: { maxDelay: '1ms' } }] as const;

test.each([TOO_MANY, TOO_SOON, TOO_SHORT])('%s beyond the bound is refused wherever it is given', async (at, given) => {
  const { id } = await service.ok<EmailBody>(
    'POST',
    emails,
    anEmail({ sendAt: new Date(Date.now() + 3_600_000).toISOString() }),
  );
  const bulk = { action: 'hold', all: true, dryRun: true, patch: given };
  for (const [method, path, body, base = ''] of [
    ['PUT', '/v1/tenants/acme', given],
    ['PATCH', '/v1/tenants/acme', given],
    ['PUT', '/v1/queues/acme/app', given],
    ['PATCH', '/v1/queues/acme/app', given],
    ['POST', emails, anEmail(given)],
    ['POST', `${emails}/render`, anEmail({ from: 'a@acme.example', ...given })],
    ['PATCH', `${emails}/${id}`, given],
    ['POST', `${emails}/bulk`, bulk, '/patch'],
    ['POST', '/v1/tenants/acme/bulk', bulk, '/patch'],
  ] as const) {
    const answer = await service.call<{ detail: string }>(method, path, body);
    expect([method, path, answer.status, answer.body]).toMatchObject([
      method,
      path,
      422,
      { code: 'invalid', errors: [{ path: `${base}/${at}` }] },
    ]);
    expect(answer.body.detail).toMatch(/must be at (most 3|least 300ms): the operator allows .*\(ROHRPOST_M/);
  }
  const batch = await service.call('POST', `${emails}/batch`, { emails: [anEmail(given), anEmail()] });
  expect(batch).toMatchObject({ status: 202, body: { results: [{ problem: { code: 'invalid' } }, { index: 1 }] } });
});

test('what was stored before breaks nothing: it may be patched and put again, and is tried within the bounds', async () => {
  const redis = await service.redis.connect();
  const at = new Date().toISOString();
  const before = {
    attempts: 500,
    backoff: { type: 'fixed', delay: '1ms', maxDelay: '1ms', jitter: 1 },
    from: 'a@acme.example',
  };
  await redis.hset('rohrpost:{acme}:queues', 'old', JSON.stringify({ settings: before, createdAt: at, updatedAt: at }));
  redis.disconnect();
  const queue = '/v1/queues/acme/old';
  expect((await service.call('PATCH', queue, { log: 'none' })).status).toBe(200);
  expect((await service.call('PUT', queue, before)).status).toBe(200);
  expect((await service.call('PATCH', queue, { attempts: 499 })).status).toBe(422);
  const { id } = await service.ok<EmailBody>('POST', `${queue}/emails`, anEmail());
  await eventually(async () => expect((await service.email('acme/old', id)).state).toBe('failed'));
  const email = await service.email('acme/old', id);
  expect(email).toMatchObject({ attemptsMade: 3, settings: { attempts: 3, backoff: { delay: 300, maxDelay: 300 } } });
  const began = email.attempts.map(({ startedAt }) => Date.parse(startedAt));
  for (const [n, one] of began.slice(1).entries()) expect(one - (began[n] ?? 0)).toBeGreaterThanOrEqual(300);
});

test('jitter goes no lower than the bound', () => {
  const backoff = { type: 'fixed', delay: 1_000, maxDelay: 1_000, jitter: 1 } as const;
  expect(retryDelay(backoff, 1, 0, undefined, 1_000)).toBe(1_000);
  expect(retryDelay(backoff, 1, 0.75, undefined, 1_000)).toBe(1_500);
});
