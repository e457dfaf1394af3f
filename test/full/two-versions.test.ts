// The version before this one and this one on the same Redis, side by side: whoever accepts, whoever sends, each email leaves once.
import { showTable } from '../support/fault';
import { serviceEnv, startProcess, type App, type ServiceProcess } from '../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

/** The sources of the version before (dev/previous-version.mjs). */
const PREVIOUS = process.env['ROHRPOST_TEST_PREVIOUS'] ?? '';
const EACH = 20;

type Version = 'previous' | 'this';

let service: Service;
let smtp: SmtpServer;
let running: ServiceProcess[];

beforeEach(async () => {
  running = [];
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
});
afterEach(async () => {
  for (const one of running) await one.end('SIGKILL');
  await service.close();
  await smtp.close();
});

const start = async (app: App, version: Version): Promise<ServiceProcess> => {
  const env = serviceEnv(service.redis.url, service.dataDir);
  const started = await startProcess(app, env, undefined, version === 'previous' ? PREVIOUS : undefined);
  running.push(started);
  return started;
};

const post = async (port: number, path: string, body: unknown): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([answer.status, answer.ok ? '' : await answer.text()]).toEqual([202, '']);
};

/** Finished ones, with a body that lies in the content store, with an attachment, from a template, and for a moment ahead. */
const shapes = (name: string): Record<string, unknown>[] => [
  anEmail({ subject: `${name} plain` }),
  anEmail({ subject: `${name} large`, text: 'x'.repeat(100_000) }),
  anEmail({
    subject: `${name} attached`,
    attachments: [{ filename: 'a.txt', content: Buffer.from('attached').toString('base64') }],
  }),
  { to: ['ann@example.org'], template: 'hello', data: { name } },
  anEmail({ subject: `${name} ahead`, sendAt: new Date(Date.now() + 2_000).toISOString() }),
];

const sent = (): string[] =>
  smtp.messages.map(({ raw }) => /^Subject: (.*)\r$/m.exec(raw.toString('latin1'))?.[1] ?? 'none').sort();

test.each<[accepting: Version[], sending: Version[]]>([
  [['previous'], ['this']],
  [['this'], ['previous']],
  [
    ['previous', 'this'],
    ['previous', 'this'],
  ],
])(
  '%j accepts, %j sends: each email leaves once, and both tell of it',
  async (accepting, sending) => {
    const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
    await service.ok('PUT', '/v1/tenants/acme/templates/hello', {
      subject: '<%= it.name %> template',
      text: 'Hello',
    });
    const apis = await Promise.all(accepting.map((version) => start('api', version)));
    await Promise.all(sending.map((version) => start('worker', version)));
    const wanted: string[] = [];
    for (let n = 0; n < EACH; n++)
      for (const [index, { port }] of apis.entries()) {
        const name = `${accepting[index]} ${n}`;
        for (const email of shapes(name)) await post(port, emails, email);
        wanted.push(...['plain', 'large', 'attached', 'template', 'ahead'].map((shape) => `${name} ${shape}`));
      }
    await eventually(() => expect(sent()).toEqual(wanted.toSorted()), { timeout: 60_000 });
    for (const { port } of apis) {
      const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
      await eventually(async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/v1/queues/acme/app`, { headers });
        expect(await answer.json()).toMatchObject({ counts: { sent: wanted.length, failed: 0 } });
      });
    }
    for (const one of running) expect(await one.end('SIGTERM')).toBe(0);
    showTable('two versions side by side', [
      {
        accepting: accepting.join(' and '),
        sending: sending.join(' and '),
        emails: wanted.length,
        sent: sent().length,
      },
    ]);
  },
  180_000,
);
