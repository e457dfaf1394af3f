// No recipient may be forgotten, tried again after it was done with, or called sent when it was not.
import type { Outcome, RecipientsDone, Reply } from '../../../libs/mail/email/outcome';
import { PHASES, type Phase } from '../../../libs/mail/smtp/reply';
import { FenceClosed } from '../../../libs/jobs/transitions/hand-over-journal';
import type { Answered } from '../../../libs/send/smtp/server-answer';
import { outcomeOf } from './classify';

const NOTHING_DONE: RecipientsDone = { accepted: [], refused: [] };
const TAKEN: Reply = { code: 250, text: '2.0.0 taken' };
const [ANN, BOB, CID] = ['ann@example.org', 'bob@example.org', 'cid@example.org'] as const;
const ALL = [ANN, BOB, CID];

const busy = (recipient: string, words = 'busy'): Reply => ({
  recipient,
  code: 450,
  enhancedCode: '4.2.1',
  text: words,
});
const unknown = (recipient: string): Reply => ({ recipient, code: 550, enhancedCode: '5.1.1', text: 'no such user' });
const rejected = (phase: Phase, ...replies: Reply[]): Answered => ({ kind: 'rejected', phase, replies });
const taken = (...refusals: Reply[]): Answered => ({ kind: 'taken', reply: TAKEN, rejected: refusals });

describe('one attempt', () => {
  test('taken for everybody is sent, in the words of the server', () => {
    expect(outcomeOf(taken(), ALL, NOTHING_DONE)).toEqual({
      kind: 'sent',
      replies: [TAKEN],
      recipients: { accepted: ALL, refused: [], deferred: [] },
    });
  });

  test('taken for one, the others for now and for good: again, only for the deferred', () => {
    expect(outcomeOf(taken(busy(BOB), unknown(CID)), ALL, NOTHING_DONE)).toEqual({
      kind: 'deferred',
      text: `${BOB}: 450 busy`,
      replies: [TAKEN, busy(BOB), unknown(CID)],
      recipients: { accepted: [ANN], refused: [CID], deferred: [BOB] },
    });
  });

  test('taken for one, refused for another: failed as partly sent, saying for whom', () => {
    expect(outcomeOf(taken(unknown(CID)), [ANN, CID], NOTHING_DONE)).toEqual({
      kind: 'refused',
      code: 'partly-sent',
      text: `not accepted for ${CID}: 550 no such user`,
      replies: [TAKEN, unknown(CID)],
      recipients: { accepted: [ANN], refused: [CID], deferred: [] },
    });
  });

  test('refused for everybody is refused', () => {
    expect(outcomeOf(rejected('rcpt', unknown(ANN), unknown(BOB)), [ANN, BOB], NOTHING_DONE)).toEqual({
      kind: 'refused',
      code: 'refused',
      text: `at RCPT TO: ${ANN}: 550 no such user; ${BOB}: 550 no such user`,
      replies: [unknown(ANN), unknown(BOB)],
      recipients: { accepted: [], refused: [ANN, BOB], deferred: [] },
    });
  });

  test('refused for one, for now for the other: again, only for the other, and it is nobody else’s fault', () => {
    const outcome = outcomeOf(rejected('rcpt', unknown(ANN), busy(BOB)), [ANN, BOB], NOTHING_DONE);
    expect(outcome).toMatchObject({ kind: 'deferred', recipients: { accepted: [], refused: [ANN], deferred: [BOB] } });
    expect(outcome).not.toHaveProperty('blame');
  });

  test('421 at a recipient is the transport’s: what else was refused stays refused', () => {
    const closing: Reply = { recipient: BOB, code: 421, text: 'closing' };
    expect(outcomeOf(rejected('rcpt', unknown(ANN), closing), [ANN, BOB], NOTHING_DONE)).toMatchObject({
      kind: 'deferred',
      blame: 'transport',
      recipients: { accepted: [], refused: [ANN], deferred: [BOB] },
    });
  });

  test.each<{ phase: Phase; code: number; kind: Outcome['kind']; blamed: boolean }>([
    { phase: 'connect', code: 554, kind: 'deferred', blamed: true },
    { phase: 'greeting', code: 421, kind: 'deferred', blamed: true },
    { phase: 'tls', code: 454, kind: 'deferred', blamed: true },
    { phase: 'auth', code: 535, kind: 'deferred', blamed: true },
    { phase: 'mail', code: 454, kind: 'deferred', blamed: true },
    { phase: 'mail', code: 450, kind: 'deferred', blamed: false },
    { phase: 'mail', code: 552, kind: 'refused', blamed: false },
    { phase: 'data', code: 451, kind: 'deferred', blamed: false },
    { phase: 'data', code: 554, kind: 'refused', blamed: false },
    { phase: 'message', code: 452, kind: 'deferred', blamed: false },
    { phase: 'dot', code: 451, kind: 'deferred', blamed: false },
    { phase: 'dot', code: 421, kind: 'deferred', blamed: true },
    { phase: 'dot', code: 554, kind: 'refused', blamed: false },
    { phase: 'dot', code: 0, kind: 'uncertain', blamed: true },
  ])('$code at $phase is $kind for all of the attempt', ({ phase, code, kind, blamed }) => {
    const reply = { code, text: 'the server’s words' };
    const outcome = outcomeOf(rejected(phase, reply), [ANN, BOB], NOTHING_DONE);
    expect(outcome).toMatchObject({
      kind,
      text: expect.stringContaining('the server’s words') as string,
      replies: [reply],
    });
    expect('blame' in outcome && outcome.blame === 'transport').toBe(blamed);
    if (kind === 'deferred')
      expect(outcome).toMatchObject({ recipients: { accepted: [], refused: [], deferred: [ANN, BOB] } });
  });

  test('an email that is refused whole is refused for each recipient of the attempt', () => {
    const outcome = outcomeOf(rejected('dot', { code: 554, text: 'spam' }), [ANN, BOB], NOTHING_DONE);
    expect(outcome).toMatchObject({ code: 'refused', recipients: { accepted: [], refused: [ANN, BOB], deferred: [] } });
  });

  test.each(PHASES.filter((phase) => phase !== 'dot'))('a fault at %s is the transport’s, for now', (phase) => {
    expect(outcomeOf({ kind: 'fault', phase, text: 'reset by peer', replies: [] }, ALL, NOTHING_DONE)).toEqual({
      kind: 'deferred',
      blame: 'transport',
      text: expect.stringMatching(/^the connection failed \(.+\): reset by peer$/) as string,
      replies: [],
    });
  });

  test('a fault after the message had left is uncertain', () => {
    expect(outcomeOf({ kind: 'fault', phase: 'dot', text: 'reset by peer', replies: [] }, ALL, NOTHING_DONE)).toEqual({
      kind: 'uncertain',
      blame: 'transport',
      text: 'the connection failed (after the message was sent): reset by peer',
      replies: [],
    });
  });

  test('what was stopped was not tried', () => {
    const lost = new FenceClosed('the hold was lost');
    expect(outcomeOf({ kind: 'stopped', phase: 'data', error: lost }, ALL, NOTHING_DONE)).toEqual({
      kind: 'interrupted',
      text: 'stopped: the hold was lost',
    });
    expect(outcomeOf({ kind: 'stopped', phase: 'rcpt', error: 'stopping' }, ALL, NOTHING_DONE)).toEqual({
      kind: 'interrupted',
      text: 'stopped: stopping',
    });
  });

  test('what was given up because it took too long was tried: for now, and the transport is to blame', () => {
    expect(outcomeOf({ kind: 'stopped', phase: 'rcpt', error: 'took-too-long' }, ALL, NOTHING_DONE)).toEqual({
      kind: 'deferred',
      blame: 'transport',
      text: 'the attempt took too long: given up at RCPT TO',
      replies: [],
    });
  });

  test('a fault says whom the server had refused before', () => {
    const fault: Answered = { kind: 'fault', phase: 'data', text: 'reset by peer', replies: [unknown(BOB)] };
    expect(outcomeOf(fault, ALL, NOTHING_DONE)).toEqual({
      kind: 'deferred',
      blame: 'transport',
      text: `the connection failed (at DATA): reset by peer; refused before: ${BOB}: 550 no such user`,
      replies: [unknown(BOB)],
    });
  });

  test('the longest wish of the deferred counts, wishes of the refused do not', () => {
    const wishes = [busy(ANN, 'try again in 60 seconds'), busy(BOB, 'try again in 5 minutes'), busy(CID)];
    expect(outcomeOf(rejected('rcpt', ...wishes), ALL, NOTHING_DONE)).toMatchObject({ retryAfter: 300_000 });
    expect(outcomeOf(taken(...wishes.slice(0, 1)), ALL, NOTHING_DONE)).toMatchObject({ retryAfter: 60_000 });
    const never = { ...unknown(BOB), text: 'never come back in 2 hours' };
    expect(outcomeOf(taken(busy(CID), never), ALL, NOTHING_DONE)).not.toHaveProperty('retryAfter');
  });
});

describe('with what earlier attempts were done with', () => {
  const done: RecipientsDone = { accepted: [ANN], refused: [unknown(CID)] };

  test('the last deferred one is taken, another was refused before: partly sent', () => {
    expect(outcomeOf(taken(), [BOB], done)).toEqual({
      kind: 'refused',
      code: 'partly-sent',
      text: `not accepted for ${CID}: 550 no such user`,
      replies: [TAKEN],
      recipients: { accepted: [ANN, BOB], refused: [CID], deferred: [] },
    });
  });

  test('an email that is refused whole in a later attempt was partly sent', () => {
    expect(outcomeOf(rejected('dot', { code: 554, text: 'spam' }), [BOB], done)).toMatchObject({
      kind: 'refused',
      code: 'partly-sent',
      recipients: { accepted: [ANN], refused: [CID, BOB], deferred: [] },
    });
  });

  test('an email that is deferred whole keeps what is known', () => {
    expect(outcomeOf(rejected('dot', { code: 451, text: 'later' }), [BOB], done)).toMatchObject({
      kind: 'deferred',
      recipients: { accepted: [ANN], refused: [CID], deferred: [BOB] },
    });
  });

  test('nobody is left to be tried and nobody ever got it: refused, not partly sent', () => {
    const nobody: RecipientsDone = { accepted: [], refused: [unknown(CID)] };
    expect(outcomeOf(taken(), [], nobody)).toMatchObject({
      kind: 'refused',
      code: 'refused',
      recipients: { accepted: [], refused: [CID], deferred: [] },
    });
  });
});

/** What a server does with a recipient, attempt by attempt. */
const FATES = ['accepted', 'deferred', 'refused'] as const;
type Fate = (typeof FATES)[number];
type Life = [first: Fate, second?: Fate];

const LIVES: Life[] = [['accepted'], ['refused'], ...FATES.map((second): Life => ['deferred', second])];
const MIXES = LIVES.flatMap((ann) => LIVES.flatMap((bob) => LIVES.map((cid): [Life, Life, Life] => [ann, bob, cid])));

/** What a hand-over comes to in which each recipient has its fate. */
const handOver = (fates: [recipient: string, fate: Fate | undefined][]): Answered => {
  const refusals = fates.flatMap(([recipient, fate]) =>
    fate === 'accepted' ? [] : [fate === 'deferred' ? busy(recipient) : unknown(recipient)],
  );
  return refusals.length === fates.length ? rejected('rcpt', ...refusals) : taken(...refusals);
};

const recipientsOf = (outcome: Outcome) =>
  ('recipients' in outcome ? outcome.recipients : undefined) ?? { accepted: [], refused: [], deferred: [] };

/** The story as it should end: the last fate of each recipient. */
const expected = (lives: [string, Fate | undefined][]) => {
  const having = (fate: Fate): string[] => lives.filter(([, one]) => one === fate).map(([recipient]) => recipient);
  const recipients = { accepted: having('accepted'), refused: having('refused'), deferred: having('deferred') };
  if (recipients.deferred.length > 0) return { kind: 'deferred', recipients };
  if (recipients.refused.length === 0) return { kind: 'sent', recipients };
  return { kind: 'refused', code: recipients.accepted.length > 0 ? 'partly-sent' : 'refused', recipients };
};

const sorted = (outcome: Outcome) => {
  const { accepted, refused, deferred } = recipientsOf(outcome);
  const recipients = { accepted: [...accepted].sort(), refused: [...refused].sort(), deferred: [...deferred].sort() };
  return { kind: outcome.kind, ...('code' in outcome && { code: outcome.code }), recipients };
};

describe('two attempts', () => {
  test.each(MIXES.map((lives) => ({ lives, title: lives.map((life) => life.join(' then ')).join(' | ') })))(
    '$title',
    ({ lives }) => {
      const first = lives.map(([fate], index): [string, Fate] => [ALL[index] ?? '', fate]);
      const outcome = outcomeOf(handOver(first), ALL, NOTHING_DONE);
      expect(sorted(outcome)).toEqual(expected(first));
      if (outcome.kind !== 'deferred') return;

      const { accepted, refused, deferred } = recipientsOf(outcome);
      const done = { accepted, refused: outcome.replies.filter(({ recipient = '' }) => refused.includes(recipient)) };
      const last = lives.map(([fate, later], index): [string, Fate | undefined] => [ALL[index] ?? '', later ?? fate]);
      const second = outcomeOf(handOver(last.filter(([recipient]) => deferred.includes(recipient))), deferred, done);
      expect(sorted(second)).toEqual(expected(last));
      for (const recipient of recipientsOf(second).refused)
        expect('text' in second ? second.text : '').toContain(second.kind === 'refused' ? `${recipient}: 550` : '');
    },
  );
});
