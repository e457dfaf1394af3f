// What the API says of emails in every state and after every change: each field, the lists and the counts, of one mind.
import { STATES } from '../../../libs/mail/email/state';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually, type Deferred } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let gate: Deferred<undefined>;
let count = 0;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  if (service.workers.length === 0) await service.addWorker();
  gate = deferred<undefined>();
  smtp = await startSmtpServer();
  // What a recipient's name says happens to it, once or always.
  const once = new Set<string>();
  const first = (name: string): boolean => !once.has(name) && once.add(name) !== undefined;
  smtp.setScript({
    rcpt: ({ recipient = '' }) => {
      if (recipient.startsWith('refused')) return '550 5.1.1 no such user';
      if (recipient.startsWith('once') && first(recipient)) return '550 5.1.1 not today';
      if (recipient.startsWith('later')) return '451 4.3.0 later';
      return recipient.startsWith('soon') && first(recipient) ? '451 4.3.0 soon' : undefined;
    },
    dot: ({ message }) => {
      if (message !== lastMail) return undefined;
      return wanted === 'sending' ? gate.promise : { action: 'close' };
    },
  });
});
afterEach(async () => {
  gate.resolve(undefined);
  await smtp.close();
});

/** The message (counted by MAIL) that is held open, or whose connection is closed at its end. */
let lastMail = -1;
let wanted: 'sending' | 'uncertain' | undefined;
const next = (what: typeof wanted): void => {
  wanted = what;
  lastMail = smtp.commands.filter((line) => line.startsWith('MAIL')).length + 1;
};

const makeQueue = (settings: Record<string, unknown> = {}) =>
  setUpQueue(service, `acme/app-${count++}`, smtp.port, { backoff: { delay: '6h' }, onUncertain: 'hold', ...settings });

type Made = Awaited<ReturnType<typeof makeQueue>>;

const post = async ({ emails }: Made, changes: Record<string, unknown> = {}): Promise<string> =>
  (await service.ok<EmailBody>('POST', emails, anEmail(changes))).id;
const until = (made: Made, id: string, state: string) =>
  eventually(async () => {
    const email = await service.email(made.queue, id);
    expect(email.state).toBe(state);
    return email;
  });
const act = ({ emails }: Made, id: string, action: string, body?: unknown) =>
  service.call<EmailBody>('POST', `${emails}/${id}/${action}`, body);

const countsOf = async ({ queue }: Made) =>
  (await service.ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`)).counts;
const listed = async ({ emails }: Made, state: string): Promise<EmailBody[]> =>
  (await service.ok<{ emails: EmailBody[] }>('GET', `${emails}?state=${state}&limit=200`)).emails;

/** Counts say what the lists hold, and every list, and every view, says the same of an email. */
const expectOneMind = async (made: Made, states: Record<string, number>): Promise<void> => {
  const wantedCounts = Object.fromEntries(STATES.map((state) => [state, states[state] ?? 0]));
  const lists = await Promise.all(STATES.map(async (state) => [state, (await listed(made, state)).length] as const));
  expect(Object.fromEntries(lists)).toEqual(wantedCounts);
  expect(await countsOf(made)).toEqual(wantedCounts);
  const { emails } = await service.ok<{ emails: EmailBody[] }>('GET', `${made.emails}?limit=200`);
  for (const summary of emails) {
    const { state, reason, attemptsMade } = await service.email(made.queue, summary.id);
    expect({ id: summary.id, state, reason, attemptsMade }).toEqual({
      id: summary.id,
      state: summary.state,
      reason: summary.reason,
      attemptsMade: summary.attemptsMade,
    });
    expect(await service.ok('GET', `${made.emails}/${summary.id}/explain`)).toMatchObject({ state });
  }
};

test('counts and lists agree for every state, also where a time has come and nobody has moved the email', async () => {
  const made = await makeQueue();
  const pause = () => service.ok('POST', `/v1/queues/${made.queue}/pause`);
  for (const [to, state] of [
    ['ann@example.org', 'sent'],
    ['refused@example.org', 'failed'],
    ['later@example.org', 'deferred'],
  ] as const)
    await until(made, await post(made, { to: [to] }), state);
  next('uncertain');
  await until(made, await post(made), 'uncertain');
  // Put back without an attempt: its transport does not exist.
  await until(made, await post(made, { transport: 'default' }), 'sent');
  await service.ok('PUT', '/v1/tenants/acme/transports/gone', { host: '127.0.0.1', port: 1, security: 'none' });
  await service.ok('POST', `/v1/queues/${made.queue}/pause`);
  const parked = await post(made, { transport: 'gone' });
  await service.ok('DELETE', '/v1/tenants/acme/transports/gone');
  await service.ok('POST', `/v1/queues/${made.queue}/resume`);
  const explained = () =>
    service.ok<{ reasons: { code: string; text: string }[] }>('GET', `${made.emails}/${parked}/explain`);
  await eventually(async () => expect((await explained()).reasons.map(({ code }) => code)).toContain('parked'));
  expect((await explained()).reasons.at(-1)?.text).toContain('gone does not exist');
  next('sending');
  await until(made, await post(made), 'sending');
  await pause();
  await post(made);
  await post(made, { sendAt: '2034-01-01T00:00:00Z' });
  const due = await post(made, { sendAt: new Date(Date.now() + 150).toISOString() });
  const held = await post(made);
  await act(made, held, 'hold');
  const canceled = await post(made);
  await act(made, canceled, 'cancel');
  await until(made, due, 'queued');
  const soFar = {
    sent: 2,
    failed: 1,
    deferred: 1,
    uncertain: 1,
    sending: 1,
    queued: 3,
    scheduled: 1,
    held: 1,
    canceled: 1,
  };
  await expectOneMind(made, soFar);

  // Nobody sweeps from here on: what expires stands where it stood.
  gate.resolve(undefined);
  await eventually(async () => expect(await countsOf(made)).toMatchObject({ sending: 0 }));
  for (const worker of service.workers.splice(0)) await worker.lifecycle.stop('no sweep');
  await service.ok('PUT', '/v1/tenants/acme/transports/gone', { host: '127.0.0.1', port: 1, security: 'none' });
  const expiring = { ...soFar, sent: 3, sending: 0 };
  const soon = (): string => new Date(Date.now() + 200).toISOString();
  const ids = [await post(made, { expiresAt: soon() }), await post(made, { expiresAt: soon(), priority: 'high' })];
  const [late] = await listed(made, 'deferred');
  await service.ok('PATCH', `${made.emails}/${late?.id ?? ''}`, {
    expiresAt: new Date(Date.now() + 200).toISOString(),
  });
  await service.ok('PATCH', `${made.emails}/${parked}`, { expiresAt: soon() });
  for (const id of [...ids, late?.id ?? '', parked]) await until(made, id, 'expired');
  await expectOneMind(made, { ...expiring, deferred: 0, queued: 2, expired: 4 });
  const [first = '', second = ''] = ids;
  const { changes, ...expired } = await service.email(made.queue, first);
  expect(changes).toEqual([{ at: expired.expiresAt, by: 'the service', what: 'expired' }]);
  expect(expired).toMatchObject({ finishedAt: expired.expiresAt, reason: { code: 'expired' }, attemptsMade: 0 });
  expect(expired).not.toHaveProperty('nextAttemptAt');

  // What is done to it is what may be done to an expired email.
  expect(await act(made, first, 'hold')).toMatchObject({ status: 409, body: { code: 'email-state' } });
  expect(await act(made, first, 'release')).toMatchObject({ status: 200, body: { state: 'queued' } });
  expect(await act(made, second, 'cancel')).toMatchObject({ status: 200, body: { state: 'canceled' } });
  const corrected = await service.ok<EmailBody>('PATCH', `${made.emails}/${parked}`, {
    expiresAt: '2034-01-01T00:00:00Z',
  });
  expect(corrected.state).toBe('expired');
  expect(await act(made, parked, 'send-now')).toMatchObject({ status: 200, body: { state: 'queued' } });
  await expectOneMind(made, { ...expiring, deferred: 0, queued: 4, expired: 1, canceled: 2 });

  // The same is told when the sweep has come.
  const before = await service.email(made.queue, late?.id ?? '');
  await service.addWorker();
  await eventually(async () => expect((await explained()).reasons.map(({ code }) => code)).not.toContain('no-worker'));
  const redis = await service.redis.connect();
  const failed = `rohrpost:{${made.queue.replace('/', '.')}}:${made.queue.replace('/', '.')}:failed`;
  await eventually(async () => expect(await redis.call('ZSCORE', failed, late?.id ?? '')).not.toBeNull());
  redis.disconnect();
  expect(await service.email(made.queue, late?.id ?? '')).toEqual(before);
  await expectOneMind(made, { ...expiring, deferred: 0, queued: 4, expired: 1, canceled: 2 });
}, 60_000);

test('attempts are numbered on over releases; recipients are told of the present release', async () => {
  const made = await makeQueue();
  const id = await post(made, { to: ['ann@example.org', 'once@example.org', 'refused@example.org'] });
  const partly = await until(made, id, 'failed');
  expect(partly).toMatchObject({
    reason: { code: 'partly-sent' },
    attemptsMade: 1,
    attempts: [{ number: 1 }],
    recipients: {
      accepted: ['ann@example.org'],
      refused: [{ recipient: 'once@example.org' }, { recipient: 'refused@example.org' }],
    },
  });
  await service.ok('POST', `/v1/queues/${made.queue}/pause`);
  const released = await act(made, id, 'release');
  // Nothing that was refused before holds any more; who has it has it.
  expect(released.body).toMatchObject({
    state: 'queued',
    attemptsMade: 0,
    recipients: { accepted: ['ann@example.org'], refused: [] },
  });
  for (const field of ['reason', 'finishedAt', 'nextAttemptAt']) expect(released.body).not.toHaveProperty(field);
  await service.ok('POST', `/v1/queues/${made.queue}/resume`);
  const again = await until(made, id, 'failed');
  expect(again).toMatchObject({
    attempts: [{ number: 1 }, { number: 2 }],
    recipients: { accepted: ['ann@example.org', 'once@example.org'], refused: [{ recipient: 'refused@example.org' }] },
  });
  await service.ok('PATCH', `${made.emails}/${id}`, { to: ['ann@example.org', 'once@example.org', 'bea@example.org'] });
  await act(made, id, 'release');
  const sent = await until(made, id, 'sent');
  expect(sent).toMatchObject({
    attempts: [{ number: 1 }, { number: 2 }, { number: 3 }],
    attemptsMade: 1,
    recipients: { accepted: ['ann@example.org', 'once@example.org', 'bea@example.org'], refused: [] },
  });
  expect(sent).not.toHaveProperty('reason');
  expect(smtp.messages.flatMap(({ to }) => to)).toEqual(['ann@example.org', 'once@example.org', 'bea@example.org']);
});

test('an email is archived where somebody has, or may have, what is kept', async () => {
  const made = await makeQueue({ archive: true });
  const { emails } = made;
  const told = async (id: string) => [
    (await service.email(made.queue, id))['archived'],
    (await service.call('GET', `${emails}/${id}/message`)).status,
  ];
  const deferredId = await post(made, { to: ['later@example.org'] });
  await until(made, deferredId, 'deferred');
  expect(await told(deferredId)).toEqual([undefined, 409]);
  await act(made, deferredId, 'hold');
  expect(await told(deferredId)).toEqual([undefined, 409]);
  const refused = await post(made, { to: ['refused@example.org'] });
  await until(made, refused, 'failed');
  expect(await told(refused)).toEqual([undefined, 409]);
  const sent = await post(made);
  await until(made, sent, 'sent');
  expect(await told(sent)).toEqual([true, 200]);
  next('uncertain');
  const uncertain = await post(made);
  await until(made, uncertain, 'uncertain');
  expect(await told(uncertain)).toEqual([true, 200]);
});

interface Told extends EmailBody {
  finishedAt?: string;
  nextAttemptAt?: string;
  recipients?: unknown;
}

/** What is there of an email beside its state: the rest is not. */
const fieldsOf = ({ state, attemptsMade, reason, attempts, changes, ...more }: Told) => ({
  state,
  attemptsMade,
  numbers: attempts.map(({ number }) => number),
  changes: changes.map(({ what }) => what),
  ...(reason && { code: reason.code }),
  has: ['finishedAt', 'nextAttemptAt', 'recipients', 'archived'].filter((name) => name in more),
});

test.each<[string, Record<string, unknown>, [action: string, body?: unknown][], ReturnType<typeof fieldsOf>]>([
  [
    'scheduled',
    { sendAt: '2034-01-01T00:00:00Z' },
    [],
    { state: 'scheduled', attemptsMade: 0, numbers: [], changes: [], has: ['nextAttemptAt'] },
  ],
  [
    'scheduled, held',
    { sendAt: '2034-01-01T00:00:00Z' },
    [['hold']],
    { state: 'held', attemptsMade: 0, numbers: [], changes: ['held'], code: 'held', has: ['finishedAt'] },
  ],
  [
    'scheduled, held, released',
    { sendAt: '2034-01-01T00:00:00Z' },
    [['hold'], ['release']],
    { state: 'scheduled', attemptsMade: 0, numbers: [], changes: ['held', 'released'], has: ['nextAttemptAt'] },
  ],
  ['sent', {}, [], { state: 'sent', attemptsMade: 1, numbers: [1], changes: [], has: ['finishedAt'] }],
  [
    'deferred',
    { to: ['later@example.org'] },
    [],
    {
      state: 'deferred',
      attemptsMade: 1,
      numbers: [1],
      changes: [],
      code: 'refused',
      has: ['nextAttemptAt', 'recipients'],
    },
  ],
  [
    'deferred, sent now',
    { to: ['soon@example.org'] },
    [['send-now']],
    { state: 'sent', attemptsMade: 2, numbers: [1, 2], changes: ['corrected'], has: ['finishedAt', 'recipients'] },
  ],
  [
    'deferred, held',
    { to: ['later@example.org'] },
    [['hold']],
    {
      state: 'held',
      attemptsMade: 1,
      numbers: [1],
      changes: ['held'],
      code: 'held',
      has: ['finishedAt', 'recipients'],
    },
  ],
  [
    'deferred, held, released',
    { to: ['later@example.org'] },
    [['hold'], ['release']],
    {
      state: 'deferred',
      attemptsMade: 1,
      numbers: [1, 2],
      changes: ['held', 'released'],
      code: 'refused',
      has: ['nextAttemptAt', 'recipients'],
    },
  ],
  [
    'deferred, canceled',
    { to: ['later@example.org'] },
    [['cancel']],
    {
      state: 'canceled',
      attemptsMade: 1,
      numbers: [1],
      changes: ['canceled'],
      code: 'canceled',
      has: ['finishedAt', 'recipients'],
    },
  ],
  [
    'failed',
    { to: ['refused@example.org'] },
    [],
    { state: 'failed', attemptsMade: 1, numbers: [1], changes: [], code: 'refused', has: ['finishedAt', 'recipients'] },
  ],
  [
    'used up',
    { to: ['later@example.org'], attempts: 1 },
    [],
    {
      state: 'failed',
      attemptsMade: 1,
      numbers: [1],
      changes: [],
      code: 'attempts-exhausted',
      has: ['finishedAt', 'recipients'],
    },
  ],
  [
    'uncertain',
    { subject: 'uncertain' },
    [],
    { state: 'uncertain', attemptsMade: 1, numbers: [1], changes: [], code: 'uncertain', has: ['finishedAt'] },
  ],
  [
    'uncertain, resolved as sent',
    { subject: 'uncertain' },
    [['resolve', { as: 'sent' }]],
    { state: 'sent', attemptsMade: 1, numbers: [1], changes: ['resolved as sent'], has: ['finishedAt'] },
  ],
  [
    'uncertain, resolved as failed',
    { subject: 'uncertain' },
    [['resolve', { as: 'failed' }]],
    {
      state: 'failed',
      attemptsMade: 1,
      numbers: [1],
      changes: ['resolved as failed'],
      code: 'refused',
      has: ['finishedAt'],
    },
  ],
  [
    'uncertain, resolved as resend',
    { subject: 'uncertain' },
    [['resolve', { as: 'resend' }]],
    { state: 'sent', attemptsMade: 1, numbers: [1, 2], changes: ['resolved as resend'], has: ['finishedAt'] },
  ],
])('fields of an email: %s', async (_name, changes, actions, wantedFields) => {
  const made = await makeQueue();
  if (changes['subject'] === 'uncertain') next('uncertain');
  const id = await post(made, changes);
  const isStill = (email: EmailBody): boolean => !['queued', 'sending'].includes(email.state);
  const settled = () =>
    eventually(async () => {
      const email = await service.email(made.queue, id);
      expect(isStill(email)).toBe(true);
      return email;
    });
  await settled();
  for (const [action, body] of actions) {
    expect((await act(made, id, action, body)).status).toBe(200);
    await settled();
  }
  expect(fieldsOf(await settled())).toEqual(wantedFields);
});
