// A transport that is down costs the mail that finds it a few attempts, not all mails all theirs; it comes back by itself.
import { aBatch, listAll } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

/** As many emails wait, for as long at least. */
const SIZE = FULL ? { waiting: 5_000, downMs: 60_000 } : { waiting: 1_000, downMs: 0 };

let service: Service;
let smtp: SmtpServer;

afterEach(async () => {
  await service.close();
  await smtp.close();
});

const attemptsSpent = async (emails: string): Promise<number> =>
  (await listAll(service, emails)).reduce((sum, { attemptsMade }) => sum + attemptsMade, 0);

test('refused connections with many waiting and attempts: 3: at most five attempts are spent, all are sent afterwards', async () => {
  smtp = await startSmtpServer();
  const { port } = smtp;
  await smtp.close();
  service = await startService({ workers: 2 });
  const { queue, emails } = await setUpQueue(service, 'acme/app', port, { attempts: 3, backoff: { delay: '1s' } });
  const begun = Date.now();
  for (let from = 0; from < SIZE.waiting; from += 1_000)
    await service.ok('POST', `${emails}/batch`, aBatch(from, 1_000));
  const down = await eventually(async () => {
    const status = await service.ok<{ breaker: string; counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
    expect(status.breaker).toBe('open');
    return status;
  });
  expect(down.counts).toMatchObject({ failed: 0 });
  const [one] = (await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?limit=1`)).emails;
  const why = await service.ok<{ reasons: { code: string }[] }>('GET', `${emails}/${one?.id}/explain`);
  expect(why.reasons.map(({ code }) => code)).toContain('transport-down');
  const { entries } = await service.ok<{ entries: { what: string; target: string }[] }>('GET', '/v1/audit?tenant=acme');
  expect(entries.find(({ what }) => what.startsWith('transport down'))).toMatchObject({ target: 'default' });
  // Until it has been probed in vain twice, and for so long.
  const redis = await service.redis.connect();
  await eventually(
    async () => {
      expect(Date.now() - begun).toBeGreaterThanOrEqual(SIZE.downMs);
      expect(Number(await redis.call('HGET', 'rohrpost:{acme}:breaker:default', 'opens'))).toBeGreaterThanOrEqual(3);
    },
    { timeout: SIZE.downMs + 20_000 },
  );
  redis.disconnect();
  const spent = await attemptsSpent(emails);
  expect(spent).toBeLessThanOrEqual(5);

  smtp = await startSmtpServer({ port });
  await smtp.waitForMessages(SIZE.waiting, 45_000 + SIZE.downMs);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
      counts: { sent: SIZE.waiting, failed: 0 },
      breaker: 'closed',
    }),
  );
  showTable('outage', [
    {
      waiting: SIZE.waiting,
      'down for s': Math.round((Date.now() - begun) / 1_000),
      'attempts spent while down': spent,
      received: smtp.messages.length,
    },
  ]);
  expect(await attemptsSpent(emails)).toBeLessThanOrEqual(SIZE.waiting + 5);
  expect(new Set(smtp.messages.map(({ to }) => to[0])).size).toBe(SIZE.waiting);
  expect(smtp.messages).toHaveLength(SIZE.waiting);
});

test('a wrong password fails no email; put right, they all go out', async () => {
  smtp = await startSmtpServer({ auth: { user: 'acme', pass: 'right' } });
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { attempts: 2, backoff: { delay: '3s' } });
  const transport = (pass: string) =>
    service.ok('PUT', '/v1/tenants/acme/transports/default', {
      host: '127.0.0.1',
      port: smtp.port,
      security: 'none',
      auth: { user: 'acme', pass },
    });
  await transport('wrong');
  await service.ok('POST', `${emails}/batch`, aBatch(0, 100));
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ breaker: 'open', counts: { failed: 0 } }),
  );
  const deferred = await eventually(async () => {
    const { emails: found } = await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?state=deferred`);
    expect(found.length).toBeGreaterThan(0);
    return found;
  });
  expect(deferred.length).toBeLessThanOrEqual(5);
  const one = await service.email(queue, deferred[0]?.id ?? '');
  expect(one.attempts[0]?.replies[0]).toMatchObject({ code: 535, enhancedCode: '5.7.8' });
  await transport('right');
  await smtp.waitForMessages(100, 45_000);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: 100 }, breaker: 'closed' }),
  );
  expect(smtp.messages).toHaveLength(100);
});

test('another transport of the same tenant is not held up', async () => {
  smtp = await startSmtpServer();
  service = await startService();
  const { queue, emails } = await setUpQueue(service, 'acme/app', 1);
  await service.ok('PUT', '/v1/tenants/acme/transports/good', { host: '127.0.0.1', port: smtp.port, security: 'none' });
  await service.ok('POST', `${emails}/batch`, aBatch(0, 50));
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ breaker: 'open' }),
  );
  await service.ok('POST', emails, { to: ['good@example.org'], subject: 'x', text: 'x', transport: 'good' });
  const [received] = await smtp.waitForMessages(1);
  expect(received?.to).toEqual(['good@example.org']);
});
