// Whatever breaks at whatever moment of a dialogue: the attempt says what can be known, and a twin only comes from doubt.
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import type { Action, Phase, Script } from '../../support/smtp/smtp-script';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import { testCa } from '../../support/smtp/tls';
import { deferred, eventually } from '../../support/wait';

/** Patience with silence, by port: minutes are right for mail and wrong for a test. Holds for the first connection. */
const mockPatience = new Map<number, number>();

jest.mock('nodemailer/lib/smtp-connection', () => {
  const Real = jest.requireActual<typeof SMTPConnection>('nodemailer/lib/smtp-connection');
  return class extends Real {
    constructor(options: SMTPConnection.Options = {}) {
      const ms = mockPatience.get(Number(options.port));
      mockPatience.delete(Number(options.port));
      super({ ...options, ...(ms !== undefined && { socketTimeout: ms, greetingTimeout: ms }) });
    }
  };
});

const PATIENCE_MS = 500;
/** More than a worker keeps for interrupting what is in work. */
const GRACE_MS = 2_000;
const AUTH = { user: 'acme', pass: 'pa55word-of-acme' };
/** More than sockets hold: the body is still under way when the server acts on its first bytes. */
const LARGE = Buffer.alloc(6 * 1024 * 1024, 'large');

type Ending = 'sent' | 'deferred' | 'uncertain' | 'refused';

interface Row {
  phase: Phase;
  what: string;
  step: Action;
  /** What the first attempt comes to. */
  first: Ending;
  large?: boolean;
}

const ACTIONS = ['close', 'reset', 'garbage', 'stall'] as const;
const each = (phases: Phase[], first: Ending, more: Partial<Row> & { taken?: boolean } = {}): Row[] => {
  const { taken, ...rest } = more;
  return phases.flatMap((phase) =>
    ACTIONS.map((action) => ({
      phase,
      what: `${action}${taken === undefined ? '' : taken ? ', taken' : ', not taken'}${rest.large ? ', large' : ''}`,
      step: { action, ...(taken !== undefined && { taken }) },
      first,
      ...rest,
    })),
  );
};
const said = (
  phase: Phase,
  reply: string,
  first: Ending,
  action?: 'close' | 'reset' | 'stall',
  large = false,
): Row => ({
  phase,
  what: `${reply.slice(0, 3)}${action === undefined ? '' : `, then ${action}`}${large ? ', large' : ''}`,
  step: { reply, ...(action && { action }) },
  first,
  large,
});

const AFTERWARDS = ['close', 'stall'] as const;

const ROWS: Row[] = [
  // Before the message: the server has nothing, so it is safe to repeat.
  ...each(['connect', 'ehlo', 'starttls', 'auth', 'mail', 'rcpt', 'data'], 'deferred'),
  // A small message has left whole, with its dot, before anything can be heard.
  ...each(['body'], 'uncertain'),
  // A large one is still without its dot, but where the server reads on and keeps silent.
  ...each(['body'], 'deferred', { large: true }).filter(({ step }) => step.action !== 'stall'),
  ...each(['body'], 'uncertain', { large: true }).filter(({ step }) => step.action === 'stall'),
  // Only the server knows (RFC 1047).
  ...each(['dot'], 'uncertain', { taken: true }),
  ...each(['dot'], 'uncertain', { taken: false }),
  // It has said so: what comes then does not count any more.
  ...each(['after'], 'sent'),
  // A server that has answered and then goes, or falls silent, has answered all the same.
  ...(['mail', 'rcpt', 'data', 'dot'] as const).flatMap((phase) => [
    ...AFTERWARDS.map((action) => said(phase, '554 5.7.1 not you', 'refused', action)),
    ...AFTERWARDS.map((action) => said(phase, '451 4.3.0 later', 'deferred', action)),
  ]),
  ...(['mail', 'rcpt', 'data', 'dot'] as const).map((phase) => said(phase, '421 4.4.2 closing', 'deferred', 'close')),
  // Also in the middle of the message, where nothing else can be said before its end.
  said('body', '552 5.3.4 too much', 'refused', undefined, true),
  said('body', '552 5.3.4 too much', 'refused', 'close', true),
  said('body', '452 4.3.1 no room', 'deferred', undefined, true),
];

/** How an attempt that ended without a reply says where it was; after `body` and `dot` the message had left. */
const WORDS: Partial<Record<Phase, string>> = {
  connect: 'at the greeting',
  ehlo: 'at EHLO',
  starttls: 'at TLS',
  auth: 'at the login',
  mail: 'at MAIL FROM',
  rcpt: 'at RCPT TO',
  data: 'at DATA',
  dot: 'after the message was sent',
};

let service: Service;
let count = 0;
const found: Record<string, string | number>[] = [];

beforeAll(async () => {
  service = await startService({ worker: { grace: GRACE_MS } });
});
afterAll(async () => {
  await service.close();
  showTable('smtp-phases', found);
});

interface Setting {
  onUncertain: 'resend' | 'hold';
  secure: boolean;
}

interface Stage {
  smtp: SmtpServer;
  queue: string;
  emails: string;
}

/** A server, and a tenant of its own that uses it: a transport that breaks is then nobody else's. */
const setTheStage = async (script: Script, { onUncertain, secure }: Setting, login: boolean): Promise<Stage> => {
  const options: SmtpServerOptions = { script, ...(secure && { tls: 'starttls' }), ...(login && { auth: AUTH }) };
  const smtp = await startSmtpServer(options);
  const tenant = `t${count++}`;
  const backoff = { type: 'fixed', delay: '50ms', jitter: 0 };
  const { queue, emails } = await setUpQueue(service, `${tenant}/app`, smtp.port, {
    onUncertain,
    attempts: 3,
    backoff,
  });
  await service.ok('PUT', `/v1/tenants/${tenant}/transports/default`, {
    host: '127.0.0.1',
    port: smtp.port,
    security: secure ? 'starttls' : 'none',
    ...(secure && { tls: { ca: testCa } }),
    ...(login && { auth: AUTH }),
  });
  return { smtp, queue, emails };
};

const attachmentOf = async (queue: string): Promise<Record<string, unknown>> => {
  const { contentId } = await service.ok<{ contentId: string }>('POST', `/v1/queues/${queue}/content`, undefined, {
    raw: LARGE,
    headers: { 'content-type': 'application/octet-stream' },
  });
  return { attachments: [{ filename: 'large.bin', contentId }] };
};

const send = async ({ queue, emails }: Stage, large = false): Promise<EmailBody> => {
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail(large ? await attachmentOf(queue) : {}));
  return eventually(
    async () => {
      const email = await service.email(queue, id);
      expect(['sent', 'failed', 'uncertain']).toContain(email.state);
      return email;
    },
    { timeout: 12_000 },
  );
};

/** What must come of the first attempt's ending. */
const shouldBe = (first: Ending, taken: boolean, onUncertain: Setting['onUncertain']) => {
  if (first === 'sent') return { state: 'sent', attempts: ['sent'], copies: 1 };
  if (first === 'refused') return { state: 'failed', attempts: ['refused'], copies: 0 };
  if (first === 'uncertain' && onUncertain === 'hold')
    return { state: 'uncertain', attempts: ['uncertain'], copies: taken ? 1 : 0 };
  return { state: 'sent', attempts: [first, 'sent'], copies: taken ? 2 : 1 };
};

const SETTINGS: Setting[] = [
  { onUncertain: 'resend', secure: false },
  { onUncertain: 'hold', secure: false },
  { onUncertain: 'resend', secure: true },
];

/** @returns what the first attempt says of itself */
const play = async ({ phase, step, first, large }: Row, setting: Setting): Promise<string> => {
  const script: Script = { [phase]: ({ session }: { session: number }) => (session === 1 ? step : undefined) };
  const stage = await setTheStage(
    script,
    { ...setting, secure: setting.secure || phase === 'starttls' },
    phase === 'auth',
  );
  const { smtp } = stage;
  try {
    if (step.action === 'stall') mockPatience.set(smtp.port, PATIENCE_MS);
    const email = await send(stage, large);
    const expected = shouldBe(first, step.taken ?? false, setting.onUncertain);
    expect({
      state: email.state,
      attempts: email.attempts.map(({ outcome }) => outcome),
      copies: smtp.messages.length,
    }).toEqual(expected);
    expect(new Set(await Promise.all(smtp.messages.map(async (one) => (await one.parsed()).messageId))).size).toBe(
      Math.min(1, smtp.messages.length),
    );
    // Whatever has become of that connection, the next email pays nothing for it.
    const next = await send(stage);
    expect(next).toMatchObject({ state: 'sent', attempts: [{ outcome: 'sent' }] });
    expect(smtp.messages).toHaveLength(expected.copies + 1);
    return email.attempts[0]?.text ?? '';
  } finally {
    await smtp.close();
  }
};

test.each(ROWS)('$phase: $what is $first', async (row) => {
  const shown = { phase: row.phase, done: row.what, 'first attempt': row.first };
  const texts = await Promise.all(SETTINGS.map((setting) => play(row, setting)));
  // A reset may overtake what was said before it.
  if (row.step.reply === undefined && ['close', 'stall'].includes(row.step.action ?? '') && row.phase in WORDS)
    expect(texts).toEqual(texts.map(() => expect.stringContaining(`(${WORDS[row.phase]})`) as string));
  found.push({ ...shown, 'in its words': texts[0] ?? '' });
});

const stopWorkers = async (): Promise<void> => {
  for (const worker of service.workers.splice(0)) await worker.lifecycle.stop('end of its day');
};

test.each(ACTIONS)('quit: %s when the worker stops changes nothing', async (action) => {
  const stage = await setTheStage({ quit: () => ({ action }) }, { onUncertain: 'hold', secure: false }, false);
  const { smtp, queue } = stage;
  const { id } = await send(stage);
  await stopWorkers();
  await eventually(() => expect(smtp.commands).toContain('QUIT'));
  await service.addWorker();
  expect(await send(stage)).toMatchObject({ state: 'sent', attempts: [{ outcome: 'sent' }] });
  expect(await service.email(queue, id)).toMatchObject({ state: 'sent', attempts: [{ outcome: 'sent' }] });
  expect(smtp.messages).toHaveLength(2);
  await smtp.close();
});

test.each([
  { phase: 'connect', attempts: ['sent'], copies: 1 },
  { phase: 'auth', attempts: ['sent'], copies: 1 },
  { phase: 'mail', attempts: ['sent'], copies: 1 },
  { phase: 'dot', attempts: ['uncertain', 'sent'], copies: 2 },
] as const)('$phase: a worker that stops while the server is silent gives the email back', async (row) => {
  const step = { action: 'stall', ...(row.phase === 'dot' && { taken: true }) } as const;
  const reached = deferred();
  const script: Script = {
    [row.phase]: ({ session }: { session: number }) => (session === 1 ? (reached.resolve(), step) : undefined),
  };
  const stage = await setTheStage(script, { onUncertain: 'resend', secure: false }, row.phase === 'auth');
  const { id } = await service.ok<EmailBody>('POST', stage.emails, anEmail());
  await reached.promise;
  await stopWorkers();
  const { state } = await service.email(stage.queue, id);
  await service.addWorker();
  expect(['queued', 'deferred']).toContain(state);
  await stage.smtp.waitForMessages(row.copies);
  const email = await eventually(async () => {
    const one = await service.email(stage.queue, id);
    expect(one.state).toBe('sent');
    return one;
  });
  expect(email.attempts.map(({ outcome }) => outcome)).toEqual(row.attempts);
  expect(stage.smtp.messages).toHaveLength(row.copies);
  await stage.smtp.close();
});
