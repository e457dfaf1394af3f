// A rolling upgrade: every process is replaced, one after the other, while clients on kept connections hand emails in.
import { showTable } from '../../support/fault';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { serviceEnv, startProcess, type App, type ServiceProcess } from '../../support/processes/process';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

/** At each process as many clients, on connections that are kept. */
const CLIENTS = 8;
const APPS = ['worker', 'api', 'worker', 'api'] as const;

let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer({ script: { dot: () => ({ delay: 20 }) } });
  service = await startService({ workers: 0 });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const readiness = async ({ port }: ServiceProcess): Promise<number> =>
  (await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } })).status;

/** Hands emails in, at those APIs that a load balancer would name, until it is told to stop. */
const startClients = (emails: string, apis: ServiceProcess[]) => {
  const [accepted, faults, answers]: [string[], unknown[], Record<number, number>] = [[], [], {}];
  let [going, asked] = [true, 0];
  const post = async (): Promise<void> => {
    const n = asked++;
    const to = `r${n}@example.org`;
    const response = await fetch(`http://127.0.0.1:${apis[n % apis.length]?.port ?? 0}${emails}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(anEmail({ to: [to] })),
    });
    await response.text();
    answers[response.status] = (answers[response.status] ?? 0) + 1;
    if (response.status === 202) accepted.push(to);
  };
  const client = async (): Promise<void> => {
    while (going) await post().catch((error: unknown) => faults.push(error));
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  const stop = (): Promise<unknown> => {
    going = false;
    return clients;
  };
  return { accepted, faults, answers, stop };
};

test('workers and APIs are replaced under load: no email is lost or goes twice, no request is reset or refused', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, { concurrency: 50 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const start = async (app: App): Promise<ServiceProcess> => {
    const started = await startProcess(app, env);
    if (app === 'api') await eventually(async () => expect(await readiness(started)).toBe(200));
    return started;
  };
  const running: Record<'api' | 'worker', ServiceProcess[]> = { api: [], worker: [] };
  for (const app of ['api', 'worker'] as const) running[app].push(await start(app), await start(app));

  const load = startClients(emails, running.api);
  await smtp.waitForMessages(50);
  for (const app of APPS) {
    const [old] = running[app];
    running[app].push(await start(app));
    const ended = old?.end('SIGTERM');
    // A load balancer asks: from the first 503 on it names that process no more.
    if (app === 'api' && old !== undefined)
      await eventually(async () => expect(await readiness(old)).toBe(503), { every: 10 });
    running[app].shift();
    expect(await ended).toBe(0);
  }
  await load.stop();
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: load.accepted.length } }),
  );
  const arrived = smtp.messages.map(({ to }) => to[0] ?? '');
  showTable('rolling', [
    {
      accepted: load.accepted.length,
      received: arrived.length,
      different: new Set(arrived).size,
      faults: load.faults.length,
    },
  ]);
  expect(load.faults).toEqual([]);
  expect(Object.keys(load.answers)).toEqual(['202']);
  expect(arrived.sort()).toEqual([...load.accepted].sort());
  for (const one of [...running.api, ...running.worker]) expect(await one.end('SIGTERM')).toBe(0);
}, 180_000);
