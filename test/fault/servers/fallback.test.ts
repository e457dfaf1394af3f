// The first server of a transport breaks at each moment of a dialogue: its fallback takes what nobody has heard of, and nothing else.
import { STEP_BOUNDS } from '../../../libs/send/smtp/step-bounds';
import { aBatch, listAll } from '../../support/emails';
import { showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import type { Phase, Script, Step } from '../../support/smtp/smtp-script';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import { testCa } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

/** Emails at each moment: more than open a breaker. */
const EMAILS = 8;
const AUTH = { user: 'acme', pass: 'pa55word-of-acme' };
const SILENCE_MS = 300;

let service: Service;
let count = 0;
const stops: (() => Promise<unknown>)[] = [];
const found: Record<string, string | number>[] = [];

beforeAll(async () => {
  const steps = { ...STEP_BOUNDS, greeting: SILENCE_MS, ehlo: SILENCE_MS, tls: SILENCE_MS, auth: SILENCE_MS };
  service = await startService({ bounds: { steps } });
});
afterAll(async () => {
  showTable('fallback', found);
  await service.close();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const start = async (options: SmtpServerOptions = {}): Promise<SmtpServer> => {
  const server = await startSmtpServer(options);
  stops.push(() => server.close());
  return server;
};

/** A queue whose transport has the first server, and the second by its fallback. */
const setUp = async (first: SmtpServer, second: SmtpServer, login: object = {}) => {
  const tenant = `t${count++}`;
  const transports = `/v1/tenants/${tenant}/transports`;
  const retry = { backoff: { type: 'fixed', delay: '200ms' }, attempts: 100 };
  const { emails, queue } = await setUpQueue(service, `${tenant}/app`, first.port, retry);
  const server = (port: number) => ({ host: '127.0.0.1', port, security: 'none' });
  await service.ok('PUT', `${transports}/second`, server(second.port));
  await service.ok('PUT', `${transports}/default`, { ...server(first.port), ...login, fallback: 'second' });
  return { emails, queue, transports };
};

const recipientsOf = ({ messages }: SmtpServer): string[] => messages.flatMap(({ to }) => to).sort();
const ALL = Array.from({ length: EMAILS }, (_, n) => `r${n}@example.org`).sort();

const tell = (what: string, first: SmtpServer, second: SmtpServer, emails: EmailBody[]): void => {
  const states = [...new Set(emails.map(({ state }) => state))].join(' ');
  found.push({ what, first: first.messages.length, second: second.messages.length, state: states });
};

interface Unreachable {
  what: string;
  options?: SmtpServerOptions;
  login?: object;
  /** Nothing listens. */
  gone?: boolean;
}
const at = (phase: Phase, step: Step): SmtpServerOptions => ({ script: { [phase]: () => step } });
const STARTTLS = { security: 'starttls', tls: { ca: testCa, servername: 'localhost' } };

const BEFORE_MAIL: Unreachable[] = [
  { what: 'nothing listens', gone: true },
  { what: 'silent from the beginning', options: at('connect', { action: 'stall' }) },
  { what: 'cut before the greeting', options: at('connect', { action: 'reset' }) },
  { what: 'greeting 421', options: at('connect', { reply: '421 4.3.2 too busy', action: 'close' }) },
  { what: 'greeting 554', options: at('connect', { reply: '554 5.7.1 not you', action: 'close' }) },
  { what: 'cut at EHLO', options: at('ehlo', { action: 'reset' }) },
  { what: 'no STARTTLS', login: STARTTLS },
  { what: 'TLS fails', options: { tls: 'starttls', ...at('starttls', { action: 'reset' }) }, login: STARTTLS },
  { what: 'a certificate of nobody known', options: { tls: 'starttls' }, login: { security: 'starttls' } },
  {
    what: 'login refused',
    options: { auth: AUTH, ...at('auth', '535 5.7.8 no') },
    login: { auth: AUTH },
  },
  {
    what: 'cut at the login',
    options: { auth: AUTH, ...at('auth', { action: 'reset' }) },
    login: { auth: AUTH },
  },
];

test.each(BEFORE_MAIL)('$what: everything goes by the fallback, once, in one attempt', async (row) => {
  const { options, login = {}, gone = false, what } = row;
  const [first, second] = [await start(options), await start()];
  const { emails } = await setUp(first, second, login);
  if (gone) await first.close();
  await service.ok('POST', `${emails}/batch`, aBatch(0, EMAILS));
  await second.waitForMessages(EMAILS);
  await eventually(async () => {
    const all = await listAll(service, emails);
    expect(all.map(({ state }) => state)).toEqual(ALL.map(() => 'sent'));
  });
  const all = await listAll(service, emails);
  tell(what, first, second, all);
  expect(recipientsOf(second)).toEqual(ALL);
  expect(first.messages).toEqual([]);
  for (const { id } of all) {
    const { attempts } = await service.ok<EmailBody>('GET', `${emails}/${id}`);
    expect(attempts).toMatchObject([{ outcome: 'sent', transport: 'second', fallback: { for: 'default' } }]);
  }
});

interface Heard {
  what: string;
  phase: Phase;
  step: Step;
  /** What the emails come to while the server does so. */
  state: string;
}
const HEARD: Heard[] = [
  { what: 'MAIL refused', phase: 'mail', step: '550 5.7.1 not this sender', state: 'failed' },
  { what: 'MAIL put off', phase: 'mail', step: '451 4.3.0 later', state: 'deferred' },
  { what: 'RCPT refused', phase: 'rcpt', step: '550 5.1.1 unknown', state: 'failed' },
  { what: 'RCPT put off', phase: 'rcpt', step: '450 4.2.0 greylisted', state: 'deferred' },
  { what: 'DATA refused', phase: 'data', step: '554 5.6.0 no', state: 'failed' },
  { what: 'the message refused', phase: 'dot', step: '554 5.6.0 no', state: 'failed' },
  { what: 'the message put off', phase: 'dot', step: '451 4.3.0 later', state: 'deferred' },
];

test.each(HEARD)(
  '$what: that is about the email, and no other server is asked',
  async ({ what, phase, step, state }) => {
    const [first, second] = [await start(at(phase, step)), await start()];
    const { emails } = await setUp(first, second);
    await service.ok('POST', `${emails}/batch`, aBatch(0, EMAILS));
    await eventually(async () => {
      const all = await listAll(service, emails);
      expect(all.map((one) => one.attemptsMade > 0 && one.state)).toEqual(ALL.map(() => state));
    });
    expect(second.connections).toBe(0);
    if (state === 'deferred') {
      first.setScript({});
      await first.waitForMessages(EMAILS);
      expect(second.connections).toBe(0);
    }
    tell(what, first, second, await listAll(service, emails));
  },
);

/** Emails that an attempt ended uncertain of. */
const uncertainOnes = async (emails: string): Promise<Set<string>> => {
  const doubted = new Set<string>();
  for (const { id } of await listAll(service, emails)) {
    const email = await service.ok<EmailBody & { to: { address: string }[] }>('GET', `${emails}/${id}`);
    const isDoubted = email.attempts.some(({ outcome }) => outcome === 'uncertain');
    if (isDoubted) doubted.add(JSON.stringify(email.to));
  }
  return doubted;
};

test.each([
  { what: 'cut after the message, taken', step: { action: 'reset', taken: true } as const },
  { what: 'cut after the message, not taken', step: { action: 'reset', taken: false } as const },
])('$what, then gone: no copy of what it may have goes elsewhere; none is lost', async ({ what, step }) => {
  const first = await start(at('dot', step));
  const second = await start();
  const { emails } = await setUp(first, second);
  await service.ok('POST', `${emails}/batch`, aBatch(0, EMAILS));
  // Of all that the first server has seen the message of, whoever the fallback took.
  await eventually(async () => expect((await uncertainOnes(emails)).size).toBeGreaterThan(0));
  const { port } = first;
  await first.close();
  const doubted = await uncertainOnes(emails);
  await service.ok('POST', `${emails}/batch`, aBatch(EMAILS, EMAILS));
  await second.waitForMessages(2 * EMAILS - doubted.size);
  // Its breaker lets probes through meanwhile; another one comes up at its address.
  const again = await start({ port });
  await eventually(
    async () => {
      const all = await listAll(service, emails);
      expect(all.filter(({ state }) => state === 'sent')).toHaveLength(2 * EMAILS);
    },
    { timeout: 20_000 },
  );
  const [before, instead, after] = [first, second, again].map(recipientsOf);
  tell(what, first, second, await listAll(service, emails));
  const everywhere = [...(before ?? []), ...(instead ?? []), ...(after ?? [])];
  expect(new Set(everywhere).size).toBe(2 * EMAILS);
  expect([...(before ?? []), ...(after ?? [])].filter((one) => instead?.includes(one))).toEqual([]);
  const twins = everywhere.filter((one, index) => everywhere.indexOf(one) !== index);
  const known = await uncertainOnes(emails);
  expect(twins.filter((one) => ![...known].some((to) => to.includes(one)))).toEqual([]);
});

const busy = ({ recipient = '' }): Step => (recipient.startsWith('busy') ? '451 4.2.1 later' : undefined);

test.each<{ what: string; script: Script }>([
  { what: 'one recipient has it', script: { rcpt: busy } },
  { what: 'the message was put off', script: { dot: () => '451 4.3.0 later' } },
  { what: 'the message was broken off', script: { body: () => ({ action: 'reset' }) } },
])('where $what, and the server goes away, the email waits for it', async ({ what, script }) => {
  const [first, second] = [await start({ script }), await start()];
  const { emails } = await setUp(first, second);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: ['ann@example.org', 'busy@example.org'] }));
  const attempts = async () => (await service.ok<EmailBody>('GET', `${emails}/${id}`)).attempts;
  await eventually(async () => expect(await attempts()).not.toEqual([]));
  const { port } = first;
  await first.close();
  await eventually(async () => expect((await attempts()).at(-1)?.text).toContain('ECONNREFUSED'));
  const again = await start({ port });
  await again.waitForMessages(1);
  expect(second.connections).toBe(0);
  tell(what, first, second, await listAll(service, emails));
});
