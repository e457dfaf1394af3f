// Workers, the API and with them the relay killed under load while somebody listens: what is told is what happened, each once, in order.
import { FULL } from '../../support/fault';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { readEvents, type EventReader, type HeardEvent } from '../../support/http/event-reader';
import { anEmail, OPERATOR_KEY, setUpQueue, startService } from '../../support/service';
import { startSmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const { EMAILS, KILLS } = FULL ? { EMAILS: 3_000, KILLS: 12 } : { EMAILS: 300, KILLS: 2 };
const TOLD: Record<string, string> = {
  sent: 'email.sent',
  deferred: 'email.deferred',
  uncertain: 'email.deferred',
};

test('none lost, none of what did not happen, those of an email in their order', async () => {
  const smtp = await startSmtpServer({
    script: {
      rcpt: ({ message }) => (message % 5 === 0 ? '451 4.7.1 later' : undefined),
      dot: () => ({ delay: 10 }),
    },
  });
  const service = await startService({ workers: 0 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  const processes: ServiceProcess[] = [];
  const heard: HeardEvent[] = [];
  let reader: EventReader | undefined;
  try {
    const settings = { concurrency: 20, backoff: { type: 'fixed', delay: '100ms' }, attempts: 50 };
    const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port, settings);
    let api = await startProcess('api', env);
    processes.push(await startProcess('worker', env), await startProcess('worker', env), api);
    const listen = async (): Promise<void> => {
      reader?.close();
      await reader?.ended;
      reader = await readEvents(`http://127.0.0.1:${api.port}`, OPERATOR_KEY, {
        query: '?queue=acme/app',
        lastEventId: heard.at(-1)?.id,
        heard,
      });
      // It listens before Redis is there, and says so.
      if (reader.status !== 200) throw new Error(`the API answered ${reader.status}`);
    };
    await eventually(listen);
    const batch = { emails: Array.from({ length: 300 }, () => anEmail()) };
    for (let added = 0; added < EMAILS; added += 300) await service.ok('POST', `${emails}/batch`, batch);
    for (let kill = 1; kill <= KILLS; kill++) {
      await smtp.waitForMessages(Math.floor((EMAILS * 0.8 * (kill - 0.5)) / KILLS), 60_000);
      const index = kill % 2;
      await processes[index]?.end('SIGKILL');
      processes[index] = await startProcess('worker', env);
      if (kill % 2 === 1) continue;
      await api.end('SIGKILL');
      api = await startProcess('api', env);
      processes.push(api);
      await eventually(listen);
    }
    await eventually(
      async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: EMAILS } }),
      { timeout: 90_000, every: 200 },
    );
    await reader?.hears(EMAILS, ({ type }) => type === 'email.sent', 20_000);
    expect(heard.filter(({ type }) => type === 'gap')).toEqual([]);
    expect(new Set(heard.map(({ id }) => id)).size).toBe(heard.length);
    const told = new Map<string, HeardEvent[]>();
    for (const event of heard) {
      const id = String(event.body.data['id']);
      told.set(id, [...(told.get(id) ?? []), event]);
    }
    expect(told.size).toBe(EMAILS);
    for (const [id, events] of told) {
      const { attempts } = await service.email(queue, id);
      const happened = attempts.map(({ number, outcome }) => [TOLD[outcome], number]);
      expect(events.map(({ type, body }) => [type, body.data['attempt']])).toEqual([
        ['email.accepted', undefined],
        ...happened,
      ]);
    }
  } finally {
    reader?.close();
    await Promise.all(processes.map((process) => process.end('SIGKILL')));
    await service.close();
    await smtp.close();
  }
}, 600_000);
