// Servers as they are: sessions that give out, servers that take few connections, under load by two workers. Nobody pays for it.
import { startProcess, serviceEnv, type ServiceProcess } from '../../support/processes/process';
import { anEmail, setUpQueue, startService, type Service } from '../../support/service';
import { listAll } from '../../support/emails';
import type { Context, Script, Step } from '../../support/smtp/smtp-script';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

/** Two workers share the processors with other tests: what is promised here is not how fast it is. */
const LOADED = { timeout: 100_000, every: 100 };

jest.setTimeout(LOADED.timeout + 20_000);

let service: Service;
const workers: ServiceProcess[] = [];
const servers: SmtpServer[] = [];
let count = 0;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  const env = serviceEnv(service.redis.url, service.dataDir);
  workers.push(...(await Promise.all([startProcess('worker', env), startProcess('worker', env)])));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  await service.close();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const startServer = async (options: SmtpServerOptions = {}): Promise<SmtpServer> => {
  const server = await startSmtpServer(options);
  servers.push(server);
  return server;
};

interface Stage {
  tenant: string;
  queue: string;
  emails: string;
}

const setTheStage = async (
  smtp: SmtpServer,
  { limits, ...settings }: { limits?: Record<string, number>; concurrency?: number } = {},
): Promise<Stage> => {
  const tenant = `t${count++}`;
  const stage = await setUpQueue(service, `${tenant}/app`, smtp.port, settings);
  if (limits) {
    const transport = { host: '127.0.0.1', port: smtp.port, security: 'none', limits };
    await service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, transport);
  }
  return { tenant, ...stage };
};

const accept = (emails: string, number: number) =>
  service.ok('POST', `${emails}/batch`, {
    emails: Array.from({ length: number }, (_, n) => anEmail({ to: [`r${n}@example.org`], attempts: 1 })),
  });

/** All are sent, each by its only attempt, and each recipient has one. */
const allSentOnce = async ({ queue, emails }: Stage, smtp: SmtpServer, number: number): Promise<void> => {
  await eventually(
    async () => expect(await service.ok('GET', `/v1/queues/${queue}`)).toMatchObject({ counts: { sent: number } }),
    LOADED,
  );
  expect(smtp.messages.map(({ to }) => to.join()).sort()).toEqual(
    Array.from({ length: number }, (_, n) => `r${n}@example.org`).sort(),
  );
  const all = await listAll(service, emails);
  expect(all.filter(({ attemptsMade }) => attemptsMade !== 1)).toEqual([]);
};

const fromFourth =
  (step: Step) =>
  ({ messageInSession }: Context): Step =>
    messageInSession > 3 ? step : undefined;

describe('a session that is used up after three messages', () => {
  test.each<{ what: string; script: Script; extensions?: string[] }>([
    { what: '421 at MAIL', script: { mail: fromFourth({ reply: '421 4.4.2 enough', action: 'close' }) } },
    { what: '421 at RCPT', script: { rcpt: fromFourth({ reply: '421 4.4.2 enough', action: 'close' }) } },
    { what: '421 at DATA', script: { data: fromFourth({ reply: '421 4.4.2 enough', action: 'close' }) } },
    { what: '421 at the dot', script: { dot: fromFourth({ reply: '421 4.4.2 enough', action: 'close' }) } },
    { what: '452 at MAIL, open', script: { mail: fromFourth('452 4.5.3 too many messages') } },
    { what: '450 at DATA, open', script: { data: fromFourth('450 4.7.1 too much for one session') } },
    { what: '451 at the dot, open', script: { dot: fromFourth('451 4.7.0 come back') } },
    { what: '432 4.3.2 at the dot', script: { dot: fromFourth('432 4.3.2 sender thread limit exceeded') } },
    { what: '503 at MAIL', script: { mail: fromFourth('503 5.5.1 out of step') } },
    { what: '554 in so many words', script: { mail: fromFourth('554 5.7.0 too many messages in this session') } },
    { what: 'an end without a word at MAIL', script: { mail: fromFourth({ action: 'close' }) } },
    { what: 'a reset at RCPT', script: { rcpt: fromFourth({ action: 'reset' }) } },
    {
      what: 'a reset at DATA, one by one',
      script: { data: fromFourth({ action: 'reset' }) },
      extensions: ['8BITMIME'],
    },
    { what: '452 at MAIL, one by one', script: { mail: fromFourth('452 4.3.1 later') }, extensions: ['8BITMIME'] },
    {
      what: 'an end after the third reply',
      script: { after: ({ messageInSession }) => (messageInSession === 3 ? { action: 'close' } : undefined) },
    },
  ])('$what', async ({ script, extensions }) => {
    const smtp = await startServer({ script, ...(extensions && { extensions }) });
    const stage = await setTheStage(smtp, { concurrency: 1 });
    await accept(stage.emails, 24);
    await allSentOnce(stage, smtp, 24);
    // Sessions were used as far as they go.
    expect(smtp.connections).toBeLessThan(14);
  });

  test('RSET that is refused after a refusal: the next email has a connection of its own', async () => {
    for (const rset of ['421 4.4.2 enough', '450 4.5.0 not now', '503 5.5.1 out of step']) {
      const smtp = await startServer({
        script: {
          mail: ({ messageInSession }) => (messageInSession === 2 ? '550 5.7.1 no' : undefined),
          rset: () => rset,
        },
      });
      const stage = await setTheStage(smtp, { limits: { connections: 1 } });
      await accept(stage.emails, 6);
      await eventually(
        async () =>
          expect(await service.ok('GET', `/v1/queues/${stage.queue}`)).toMatchObject({
            counts: { sent: 3, failed: 3 },
          }),
        LOADED,
      );
      expect(smtp.messages).toHaveLength(3);
    }
  });

  test('on a fresh connection the same words are about the email, and at RCPT about the recipient', async () => {
    const script: Script = { rcpt: fromFourth('452 4.2.2 mailbox full'), dot: () => '451 4.3.0 later' };
    for (const [phase, sent] of [
      ['dot', 0],
      ['rcpt', 3],
    ] as const) {
      const smtp = await startServer({ script: { [phase]: script[phase] } });
      const stage = await setTheStage(smtp, { limits: { connections: 1 } });
      await accept(stage.emails, 4);
      await eventually(
        async () =>
          expect(await service.ok('GET', `/v1/queues/${stage.queue}`)).toMatchObject({
            counts: { sent, failed: 4 - sent },
          }),
        LOADED,
      );
    }
  });
});

describe('a server that takes three connections', () => {
  test.each<{ what: string; phase: 'connect' | 'mail' | 'data' | 'dot'; step: Step; connections?: number }>([
    { what: '432 4.3.2 at DATA', phase: 'data', step: '432 4.3.2 Concurrent connections limit exceeded' },
    { what: '432 4.3.2 at the dot', phase: 'dot', step: '432 4.3.2 sender thread limit exceeded' },
    {
      what: '421 in the greeting',
      phase: 'connect',
      step: { reply: '421 4.7.0 test.example Error: too many connections from 127.0.0.1', action: 'close' },
    },
    { what: '450 at MAIL', phase: 'mail', step: '450 Too many concurrent SMTP connections; please try again later' },
    { what: 'a limit that is too high', phase: 'data', step: '432 4.3.2 too many', connections: 8 },
  ])('$what: fewer are used, and no email pays for it', async ({ phase, step, connections }) => {
    const smtp = await startServer();
    const beyond = new Set<number>();
    const look = ({ session }: Context): void => {
      if (smtp.open > 3) beyond.add(session);
    };
    const refuse = (context: Context): Step => (beyond.has(context.session) ? step : undefined);
    smtp.setScript({
      dot: () => ({ delay: 5 }),
      ...(phase === 'connect'
        ? { connect: (context) => (look(context), refuse(context)) }
        : { connect: look, [phase]: refuse }),
    });
    const stage = await setTheStage(smtp, connections === undefined ? {} : { limits: { connections } });
    await accept(stage.emails, 200);
    await allSentOnce(stage, smtp, 200);
    expect(beyond.size).toBeGreaterThan(0);
    expect(beyond.size).toBeLessThan(150);
    // Whoever runs it is told, in the words of the server.
    const told = workers.flatMap(({ log }) => log).filter((line) => line.includes(`"${stage.tenant}/default"`));
    expect(told.join('\n')).toMatch(/too many|limit exceeded/i);
  });

  test('one that takes nothing at all is down: its emails wait, unpaid, and explain says why in its words', async () => {
    const words = '421 4.3.2 Service not available';
    const smtp = await startServer({ script: { connect: () => ({ reply: words, action: 'close' }) } });
    const stage = await setTheStage(smtp);
    await accept(stage.emails, 10);
    const [one] = await listAll(service, stage.emails);
    const explained = (): Promise<{ reasons: { code: string; text: string }[] }> =>
      service.ok('GET', `${stage.emails}/${one?.id}/explain`);
    const reasons = await eventually(async () => {
      const found = (await explained()).reasons.find(({ code }) => code === 'transport-down');
      expect(found?.text).toContain('4.3.2 Service not available');
      return found;
    }, LOADED);
    expect(reasons?.text).toMatch(/^the transport default is down since /);
    expect((await listAll(service, stage.emails)).map(({ state, attemptsMade }) => `${state} ${attemptsMade}`)).toEqual(
      Array(10).fill('queued 0'),
    );
    smtp.setScript({});
    await service.ok('PUT', `/v1/tenants/${stage.tenant}/transports/default`, {
      host: '127.0.0.1',
      port: smtp.port,
      security: 'none',
    });
    await allSentOnce(stage, smtp, 10);
  });
});

describe('limits.connections', () => {
  test('is never exceeded as the server counts: used-up sessions, QUIT without an answer, tries of the transport', async () => {
    const smtp = await startServer({
      script: {
        mail: fromFourth('452 4.5.3 too many messages'),
        dot: () => ({ delay: 10 }),
        quit: ({ session }) => (session % 3 === 0 ? { action: 'stall' } : undefined),
      },
    });
    const stage = await setTheStage(smtp, { limits: { connections: 2 } });
    await accept(stage.emails, 24);
    const verified = await Promise.all(
      Array.from({ length: 3 }, () => service.ok('POST', `/v1/tenants/${stage.tenant}/transports/default/verify`)),
    );
    expect(verified).toEqual(verified.map(() => expect.objectContaining({ ok: true }) as object));
    await allSentOnce(stage, smtp, 24);
    expect(smtp.maxOpen).toBeLessThanOrEqual(2);
    // What lies idle, and a QUIT that is not answered, ends by itself.
    await eventually(() => expect(smtp.open).toBe(0));
  });
});
