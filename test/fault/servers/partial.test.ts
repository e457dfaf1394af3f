// Three recipients, three fates: who has the email never gets it again, and who never will is named.
import { untilState } from '../../support/emails';
import { showTable } from '../../support/fault';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import type { Script } from '../../support/smtp/smtp-script';
import { startSmtpServer, type Received, type SmtpServer } from '../../support/smtp/smtp-server';

const [ANN, BOB, CID] = ['ann@example.org', 'bob@example.org', 'cid@example.org'] as const;
const TO_THREE = { to: [`Ann <${ANN}>`, BOB], cc: [`Cid <${CID}>`] };
const BUSY = '450 4.2.1 busy';
const UNKNOWN = '550 5.1.1 no such user';

let service: Service;
let smtp: SmtpServer;
let emails: string;
let queue: string;
let count = 0;
const found: Record<string, string | number>[] = [];

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service.close();
  showTable('partial', found);
});
beforeEach(async () => {
  smtp = await startSmtpServer();
  const backoff = { type: 'fixed', delay: '50ms', jitter: 0 };
  ({ queue, emails } = await setUpQueue(service, `t${count++}/app`, smtp.port, { attempts: 3, backoff }));
});
afterEach(() => smtp.close());

/** The words for each recipient, attempt by attempt; the last ones hold on, none means taken. */
const answer = (words: Record<string, (string | undefined)[]>): Script => {
  const asked = new Map<string, number>();
  return {
    rcpt: ({ recipient = '' }) => {
      const times = asked.get(recipient) ?? 0;
      asked.set(recipient, times + 1);
      const said = words[recipient] ?? [];
      return said[Math.min(times, said.length - 1)];
    },
  };
};

const ended = (id: string, state: string) => untilState(service, queue, id, state);

const send = async (state: string, changes: Record<string, unknown> = TO_THREE): Promise<EmailBody> => {
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail(changes));
  const email = await ended(id, state);
  found.push({
    test: expect.getState().currentTestName ?? '',
    attempts: email.attempts.length,
    copies: [ANN, BOB, CID].map((recipient) => copiesTo(recipient)).join(' '),
    state: `${email.state} ${email.reason?.code ?? ''}`,
  });
  return email;
};

const copiesTo = (recipient: string): number => smtp.messages.filter(({ to }) => to.includes(recipient)).length;
const envelopes = (): string[][] => smtp.messages.map(({ to }) => to);
/** Whom the server was asked for, attempt by attempt. */
const asked = (): string[] =>
  smtp.commands.filter((line) => /^RCPT/i.test(line)).map((line) => line.slice(8).split(' ')[0] ?? '');
const outcomes = (email: EmailBody): string[] => email.attempts.map(({ outcome }) => outcome);
const repliesFor = (email: EmailBody, recipient: string): unknown[][] =>
  email.attempts.map(({ replies }) => replies.filter((one) => one['recipient'] === recipient).map(({ code }) => code));

const headersOf = async (received: Received | undefined): Promise<Record<string, unknown>> => {
  const mail = await received?.parsed();
  return {
    to: mail?.headerLines.find(({ key }) => key === 'to')?.line,
    cc: mail?.headerLines.find(({ key }) => key === 'cc')?.line,
    messageId: mail?.messageId,
  };
};

test('accepted, for now, for good: one copy to the first, again for the second only, the third is reported', async () => {
  smtp.setScript(answer({ [BOB]: [BUSY, undefined], [CID]: [UNKNOWN] }));
  const email = await send('failed');
  expect(envelopes()).toEqual([[ANN], [BOB]]);
  expect(asked()).toEqual([ANN, BOB, CID, BOB].map((recipient) => `<${recipient}>`));
  expect(email.reason).toEqual({
    code: 'partly-sent',
    text: expect.stringContaining(`${CID}: 550 5.1.1 no such user`) as string,
  });
  expect(email.reason?.text).not.toContain(BOB);
  expect(outcomes(email)).toEqual(['deferred', 'refused']);
  expect(repliesFor(email, BOB)).toEqual([[450], []]);
  expect(repliesFor(email, CID)).toEqual([[550], []]);
  const [first, second] = await Promise.all(smtp.messages.map(headersOf));
  expect(first).toEqual({
    to: `To: Ann <${ANN}>, ${BOB}`,
    cc: `Cc: Cid <${CID}>`,
    messageId: email['messageId'],
  });
  expect(second).toEqual(first);
});

test('all taken in the end: sent, one copy each', async () => {
  smtp.setScript(answer({ [BOB]: [BUSY, undefined], [CID]: [BUSY, BUSY, undefined] }));
  const email = await send('sent');
  expect(envelopes()).toEqual([[ANN], [BOB], [CID]]);
  expect(outcomes(email)).toEqual(['deferred', 'deferred', 'sent']);
  expect(email.reason).toBeUndefined();
});

test('for now until the attempts are used up: failed, saying who has not got it; released, only that one is tried', async () => {
  smtp.setScript(answer({ [BOB]: [BUSY, BUSY, BUSY, undefined] }));
  const email = await send('failed');
  expect(envelopes()).toEqual([[ANN, CID]]);
  expect(outcomes(email)).toEqual(['deferred', 'deferred', 'deferred']);
  expect(repliesFor(email, BOB)).toEqual([[450], [450], [450]]);
  expect(email.reason?.code).toBe('partly-sent');
  expect(email.reason?.text).toContain(`${BOB}: 450 4.2.1 busy`);
  expect(email.reason?.text).not.toContain(ANN);
  await service.ok('POST', `${emails}/${email.id}/release`);
  await ended(email.id, 'sent');
  expect(envelopes()).toEqual([[ANN, CID], [BOB]]);
});

test('for now until the attempts are used up, and nobody has it: that is no part of anything', async () => {
  smtp.setScript(answer({ [ANN]: [BUSY], [BOB]: [BUSY], [CID]: [BUSY] }));
  const email = await send('failed');
  expect(smtp.messages).toEqual([]);
  expect(outcomes(email)).toEqual(['deferred', 'deferred', 'deferred']);
  expect(email.reason?.code).toBe('attempts-exhausted');
});

test('a release after a refusal goes to those only who have not got it', async () => {
  smtp.setScript(answer({ [CID]: [UNKNOWN, undefined] }));
  const email = await send('failed');
  expect(email.reason?.code).toBe('partly-sent');
  await service.ok('POST', `${emails}/${email.id}/release`);
  await ended(email.id, 'sent');
  expect(envelopes()).toEqual([[ANN, BOB], [CID]]);
});

test('refused one after the other while one has it: every one that has not got it is named in the end', async () => {
  smtp.setScript(answer({ [BOB]: [BUSY, UNKNOWN], [CID]: [UNKNOWN] }));
  const email = await send('failed');
  expect(envelopes()).toEqual([[ANN]]);
  expect(asked()).toEqual([ANN, BOB, CID, BOB].map((recipient) => `<${recipient}>`));
  expect(email.reason?.code).toBe('partly-sent');
  expect(email.reason?.text).toContain(`${BOB}: 550`);
  expect(email.reason?.text).toContain(`${CID}: 550`);
});

test('nobody taken, one refused, one for now: the email is not partly sent before somebody has it', async () => {
  smtp.setScript(answer({ [ANN]: [BUSY, UNKNOWN], [BOB]: [UNKNOWN], [CID]: [UNKNOWN] }));
  const email = await send('failed');
  expect(smtp.messages).toEqual([]);
  expect(asked()).toEqual([ANN, BOB, CID, ANN].map((recipient) => `<${recipient}>`));
  expect(email.reason?.code).toBe('refused');
  for (const recipient of [ANN, BOB, CID]) expect(email.reason?.text).toContain(`${recipient}: 550`);
});

test('the message is refused for the one that is left: the others keep theirs', async () => {
  const words = answer({ [BOB]: [BUSY, undefined] });
  smtp.setScript({ ...words, dot: ({ message }) => (message === 2 ? '554 5.7.1 spam' : undefined) });
  const email = await send('failed');
  expect(envelopes()).toEqual([[ANN, CID]]);
  expect(outcomes(email)).toEqual(['deferred', 'refused']);
  expect(email.reason).toEqual({ code: 'partly-sent', text: expect.stringContaining('554 5.7.1 spam') as string });
});

test('the message is deferred whole: nobody is done with, but whom RCPT refused', async () => {
  const words = answer({ [CID]: [UNKNOWN] });
  smtp.setScript({ ...words, dot: ({ message }) => (message === 1 ? '451 4.3.0 later' : undefined) });
  const email = await send('failed');
  expect(envelopes()).toEqual([[ANN, BOB]]);
  expect(email.reason?.code).toBe('partly-sent');
  expect(email.reason?.text).toContain(`${CID}: 550`);
});

test('cut off after the message in the second attempt: a twin for those in doubt, none for the one that has it', async () => {
  const words = answer({ [BOB]: [BUSY, undefined], [CID]: [BUSY, undefined] });
  smtp.setScript({ ...words, dot: ({ message }) => (message === 2 ? { action: 'close', taken: true } : undefined) });
  const email = await send('sent');
  expect(outcomes(email)).toEqual(['deferred', 'uncertain', 'sent']);
  expect(envelopes()).toEqual([[ANN], [BOB, CID], [BOB, CID]]);
  expect(copiesTo(ANN)).toBe(1);
});

test('the one that is still to come is taken away: nobody else is tried, and who was refused is told', async () => {
  smtp.setScript(answer({ [BOB]: [BUSY], [CID]: [UNKNOWN] }));
  await service.ok('PUT', `/v1/queues/${queue}`, {
    from: 'sender@acme.example',
    attempts: 3,
    backoff: { type: 'fixed', delay: '1h', jitter: 0 },
  });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ to: [BOB], cc: [CID] }));
  await ended(id, 'deferred');
  await service.ok('PATCH', `${emails}/${id}`, { to: [CID], cc: [] });
  await service.ok('POST', `${emails}/${id}/send-now`).catch(() => undefined);
  const email = await ended(id, 'failed');
  expect(smtp.messages).toEqual([]);
  expect(email.reason?.code).toBe('refused');
  expect(email.reason?.text).toContain(`${CID}: 550`);
});

test('more recipients than the server takes at once: the rest gets it in the next attempts', async () => {
  let taken = 0;
  smtp.setScript({
    mail: () => void (taken = 0),
    rcpt: () => (++taken > 2 ? '552 too many recipients' : undefined),
  });
  const email = await send('sent');
  expect(outcomes(email)).toEqual(['deferred', 'sent']);
  expect(envelopes()).toEqual([[ANN, BOB], [CID]]);
});
