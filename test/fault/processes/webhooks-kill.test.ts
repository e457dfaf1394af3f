// Workers killed under load while a webhook is told: none lost, none of what did not happen, in order, twice only under the same id.
import { FULL } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { startWebhookReceiver } from '../../support/http/webhook-receiver';
import { anEmail, setUpQueue, startService } from '../../support/service';
import { startSmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const { EMAILS, KILLS } = FULL ? { EMAILS: 2_000, KILLS: 8 } : { EMAILS: 200, KILLS: 1 };
const TOLD: Record<string, string> = { sent: 'email.sent', deferred: 'email.deferred', uncertain: 'email.deferred' };

test('each event of each email, in its order, however often who tells is killed', async () => {
  const smtp = await startSmtpServer({
    script: { rcpt: ({ message }) => (message % 5 === 0 ? '451 4.7.1 later' : undefined) },
  });
  const receiver = await startWebhookReceiver();
  const service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1' };
  const workers: ServiceProcess[] = [];
  try {
    const settings = { concurrency: 20, backoff: { type: 'fixed', delay: '100ms' }, attempts: 50 };
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, settings);
    const path = '/v1/tenants/acme/webhooks/erp';
    const { secret } = await service.ok<{ secret: string }>('PUT', path, { url: receiver.url });
    receiver.secrets.push(secret);
    // Some are slow, so that some are under way whenever somebody is killed; some are refused.
    let asked = 0;
    receiver.answer((event, response) => {
      asked++;
      if (asked % 20 === 0) return 503;
      if (asked % 3 !== 0) return undefined;
      setTimeout(() => {
        receiver.taken.push(event);
        response.writeHead(204).end();
      }, 100);
      return 'answered';
    });
    const start = async () => startProcess('worker', env);
    workers.push(await start(), await start());
    const batch = { emails: Array.from({ length: 200 }, () => anEmail()) };
    for (let added = 0; added < EMAILS; added += 200) await service.ok('POST', `${emails}/batch`, batch);
    for (let kill = 1; kill <= KILLS; kill++) {
      await receiver.takes(Math.floor((EMAILS * kill) / (KILLS + 1)), undefined, 60_000);
      // Both, since one of them tells.
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
      workers.splice(0, workers.length, await start(), await start());
    }
    await eventually(
      async () => {
        expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: EMAILS } });
        const sent = receiver.taken.filter(({ type }) => type === 'email.sent');
        expect(new Set(sent.map(({ id }) => id)).size).toBeGreaterThanOrEqual(EMAILS);
        expect(await service.ok('GET', path)).toMatchObject({ waiting: 0 });
      },
      { timeout: 120_000, every: 200 },
    );
    expect(receiver.forged).toBe(0);
    const told = new Map<string, Map<string, [type: string, attempt: unknown]>>();
    for (const { id, type, body } of receiver.taken) {
      const email = String(body.data['id']);
      const events = told.get(email) ?? new Map<string, [string, unknown]>();
      told.set(email, events);
      // What is told twice has the same id, and says the same.
      const known = events.get(id);
      if (known !== undefined) expect([type, body.data['attempt']]).toEqual(known);
      else events.set(id, [type, body.data['attempt']]);
    }
    expect(told.size).toBe(EMAILS);
    for (const [id, events] of told) {
      const { attempts } = await service.email(queue, id);
      const happened = attempts.map(({ number, outcome }) => [TOLD[outcome], number]);
      expect([...events.values()]).toEqual([['email.accepted', undefined], ...happened]);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    await service.close();
    await smtp.close();
    await receiver.close();
  }
}, 600_000);
