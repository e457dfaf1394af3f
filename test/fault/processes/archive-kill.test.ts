// Workers killed while an archive is handed what was sent: every message that a server took is there, twice only under the same id.
import { FULL } from '../../support/fault';
import { startArchiveEndpoint } from '../../support/http/archive-endpoint';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, setUpQueue, startService } from '../../support/service';
import { startSmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const { EMAILS, KILLS } = FULL ? { EMAILS: 2_000, KILLS: 8 } : { EMAILS: 200, KILLS: 1 };

test('each message that was sent reaches the archive, however often its workers are killed', async () => {
  const smtp = await startSmtpServer();
  const endpoint = await startArchiveEndpoint();
  const service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1' };
  const workers: ServiceProcess[] = [];
  try {
    const archiveTo = { url: endpoint.url };
    const settings = { archiveTo, concurrency: 20 };
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, settings);
    const { secret } = await service.ok<{ secret: string }>('GET', '/v1/tenants/acme/signing-secret');
    endpoint.secret = secret;
    // First it answers nothing at all: whoever hands over is killed in the middle of it, between sent and taken.
    endpoint.answer = () => 'never';
    const start = async () => startProcess('worker', env);
    workers.push(await start(), await start());
    const batch = (count: number) => ({ emails: Array.from({ length: count }, () => anEmail()) });
    await service.ok('POST', `${emails}/batch`, batch(5));
    await eventually(() => expect(endpoint.asked.length).toBeGreaterThanOrEqual(1));
    for (let added = 0; added < EMAILS; added += 200) await service.ok('POST', `${emails}/batch`, batch(200));
    for (let kill = 1; kill <= KILLS; kill++) {
      await smtp.waitForMessages(Math.floor((EMAILS * kill) / (KILLS + 1)), 60_000);
      await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
      let asked = 0;
      endpoint.answer = () => (++asked % 20 === 0 ? 503 : 204);
      workers.splice(0, workers.length, await start(), await start());
    }
    await smtp.waitForMessages(EMAILS + 5, 60_000);
    endpoint.answer = () => 204;
    await eventually(
      async () => {
        expect(new Set(endpoint.taken.map(({ metadata }) => metadata.id)).size).toBe(EMAILS + 5);
        const counts = { sent: EMAILS + 5 };
        expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({
          ...{ counts, archiving: { waiting: 0 } },
        });
      },
      { timeout: 120_000, every: 200 },
    );
    expect(endpoint.forged).toBe(0);
    // Byte for byte what the server has; one that came twice from here by the same id.
    const sent = new Set(smtp.messages.map(({ raw }) => raw.toString('base64')));
    const byId = new Map<string, string>();
    for (const { id, message } of endpoint.taken) {
      const bytes = message.toString('base64');
      expect(sent.has(bytes)).toBe(true);
      expect(byId.get(id) ?? bytes).toBe(bytes);
      byId.set(id, bytes);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    await service.close();
    await smtp.close();
    await endpoint.close();
  }
}, 600_000);
