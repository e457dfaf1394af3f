// What a server's words, or its silence, mean for an email: the one place where an outcome is made of them.
import type { Outcome, RecipientsDone, Reply } from '../email/outcome';
import { OPENING_PHASES, type Phase } from './phase';
import { refusesName } from './session';

/** What a server said to a message that it was asked to take. */
export type ServerAnswer =
  /** `reply` is the one to the final dot. */
  | { kind: 'taken'; reply: Reply; rejected: Reply[] }
  /**
   * The server said no at this phase; at `rcpt` to every recipient. `hint`: what may be done about it. `crowded`: it takes no
   * further connection at present.
   */
  | { kind: 'rejected'; phase: Phase; replies: Reply[]; hint?: string; crowded?: true }
  /** No reply: the connection failed in this phase. `dot` means that the message had left. `replies`: whom it refused before. */
  | { kind: 'fault'; phase: Phase; text: string; replies: Reply[]; crowded?: true };

/** Whose fault it is: that of this recipient, of this email, or of the transport (then others suffer too). */
export type Blame = 'recipient' | 'email' | 'transport';

export interface Verdict {
  outcome: 'deferred' | 'refused' | 'uncertain';
  blame: Blame;
}

/** Enhanced codes of a 552 that do not contradict "too many recipients": none, and RFC 3463 3.6. */
const MAY_BE_TOO_MANY: ReadonlySet<string> = new Set(['', '5.5.3']);

/**
 * The verdict on a reply. Rows, in the order in which they are tried:
 * - any reply before MAIL, good or bad codes: the transport's (a wrong password is no reason to fail ten thousand
 *   emails); always for now. So is the refusal of the name given in EHLO, which many servers put off until RCPT.
 * - 421 anywhere (RFC 5321 3.8: the service closes) and 530/535 (RFC 4954 6: authentication): the transport's, for now.
 * - 454 and 4.7.x up to MAIL: throttling by policy, the transport's; at RCPT it is greylisting (RFC 6647), the
 *   recipient's.
 * - 503 bad sequence: our dialogue is broken, not the email; for now.
 * - 552 at RCPT among several recipients means "too many of them" (RFC 5321 4.5.3.1.10: to be taken as 452): that
 *   recipient, later; unless its enhanced code names something else, as 5.2.2 (mailbox full) does.
 * - other 5yz: refused for good (RFC 5321 4.2.1); at RCPT for that recipient, else for the email.
 * - other 4yz: for now; no valid code at all after the dot: nobody knows.
 * @param recipients how many the envelope named
 */
export const classifyReply = (
  phase: Phase,
  reply: Pick<Reply, 'code' | 'enhancedCode'> & { text?: string },
  recipients = 1,
): Verdict => {
  const { code, enhancedCode = '', text = '' } = reply;
  if (OPENING_PHASES.has(phase) || refusesName(phase, { code, text }))
    return { outcome: 'deferred', blame: 'transport' };
  if (code === 421 || code === 530 || code === 535) return { outcome: 'deferred', blame: 'transport' };
  if (phase === 'mail' && (code === 454 || enhancedCode.startsWith('4.7.')))
    return { outcome: 'deferred', blame: 'transport' };
  const blame: Blame = phase === 'rcpt' ? 'recipient' : 'email';
  if (code === 503) return { outcome: 'deferred', blame: 'transport' };
  if (phase === 'rcpt' && code === 552 && recipients > 1 && MAY_BE_TOO_MANY.has(enhancedCode))
    return { outcome: 'deferred', blame };
  if (code >= 500 && code < 600) return { outcome: 'refused', blame };
  if (code >= 400 && code < 500) return { outcome: 'deferred', blame };
  return phase === 'dot' ? { outcome: 'uncertain', blame: 'transport' } : { outcome: 'deferred', blame: 'transport' };
};

/**
 * The verdict on a fault without a reply: connection lost, refused, timed out, TLS failed. Before the final dot the
 * server cannot have taken the message (RFC 5321 4.1.1.4), so it is safe to repeat; after it nobody knows (RFC 1047).
 */
export const classifyFault = (phase: Phase): Verdict => ({
  outcome: phase === 'dot' ? 'uncertain' : 'deferred',
  blame: 'transport',
});

const WISH =
  /(?:try|retry|again|wait|come back|delay(?:ed)?|in|after|for)\D{0,30}?(\d{1,5})\s*(second|sec|minute|min|hour|s\b|m\b|h\b)/i;
const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** The server's wish when to come back ("try again in 300 seconds"), ms. */
export const retryWish = (text: string): number | undefined => {
  const [, count, unit] = WISH.exec(text) ?? [];
  const size = UNIT_MS[unit?.charAt(0).toLowerCase() ?? ''];
  return count === undefined || size === undefined ? undefined : Number(count) * size;
};

/** A phase, as it ends a sentence. */
export const PHASE_WORDS: Record<Phase, string> = {
  connect: 'while connecting',
  greeting: 'at the greeting',
  ehlo: 'at EHLO',
  tls: 'at TLS',
  auth: 'at the login',
  mail: 'at MAIL FROM',
  rcpt: 'at RCPT TO',
  data: 'at DATA',
  message: 'while the message was sent',
  dot: 'after the message was sent',
};

const addressesOf = (replies: Reply[]): string[] => replies.map(({ recipient = '' }) => recipient);

const wishFrom = (replies: Reply[]): { retryAfter?: number } => {
  const wishes = replies.map(({ text }) => retryWish(text)).filter((wish) => wish !== undefined);
  return wishes.length === 0 ? {} : { retryAfter: Math.max(...wishes) };
};

const crowdedOf = ({ crowded }: { crowded?: true }): { crowded?: true } => (crowded ? { crowded } : {});

/** The server's own words, for each recipient once. */
const describeReplies = (replies: Reply[]): string =>
  replies
    .map(({ recipient, code, text }) =>
      `${recipient === undefined ? '' : `${recipient}: `}${code || ''} ${text}`.trim(),
    )
    .join('; ');

/** Everybody is done with: sent where nobody was refused, partly sent where somebody has it. */
export const everybodyDone = (accepted: string[], refused: Reply[], replies: Reply[], text: string): Outcome => {
  const recipients = { accepted, refused: addressesOf(refused), deferred: [] };
  if (refused.length === 0) return { kind: 'sent', replies, recipients };
  if (accepted.length === 0) return { kind: 'refused', code: 'refused', text, replies, recipients };
  return {
    kind: 'refused',
    code: 'partly-sent',
    text: `not accepted for ${describeReplies(refused)}`,
    replies,
    recipients,
  };
};

const classifyTaken = (
  { reply, rejected }: Extract<ServerAnswer, { kind: 'taken' }>,
  tried: string[],
  done: RecipientsDone,
): Outcome => {
  const isRefused = (one: Reply): boolean => classifyReply('rcpt', one, tried.length).outcome === 'refused';
  const deferred = rejected.filter((one) => !isRefused(one));
  const refused = [...done.refused, ...rejected.filter(isRefused)];
  const rejectedAddresses = new Set(rejected.map(({ recipient }) => recipient));
  const accepted = [...done.accepted, ...tried.filter((address) => !rejectedAddresses.has(address))];
  const replies = [reply, ...rejected];
  if (deferred.length === 0) return everybodyDone(accepted, refused, replies, describeReplies(refused));
  const recipients = { accepted, refused: addressesOf(refused), deferred: addressesOf(deferred) };
  return { kind: 'deferred', text: describeReplies(deferred), replies, recipients, ...wishFrom(deferred) };
};

const classifyRejected = (
  result: Extract<ServerAnswer, { kind: 'rejected' }>,
  tried: string[],
  done: RecipientsDone,
): Outcome => {
  const { phase, replies, hint } = result;
  const verdicts = replies.map((reply) => ({ reply, ...classifyReply(phase, reply, tried.length) }));
  const text = `${PHASE_WORDS[phase]}: ${describeReplies(replies)}${hint === undefined ? '' : ` (${hint})`}`;
  const blame = verdicts.some((verdict) => verdict.blame === 'transport') ? { blame: 'transport' as const } : {};
  if (verdicts.some(({ outcome }) => outcome === 'uncertain')) return { kind: 'uncertain', text, replies, ...blame };
  // At RCPT each reply is about its recipient; elsewhere one reply is about all of them.
  const ofEach =
    phase === 'rcpt'
      ? verdicts
      : verdicts.flatMap((verdict) =>
          tried.map((recipient) => ({ ...verdict, reply: { ...verdict.reply, recipient } })),
        );
  const deferred = ofEach.filter(({ outcome }) => outcome === 'deferred').map(({ reply }) => reply);
  const refused = [...done.refused, ...ofEach.filter(({ outcome }) => outcome === 'refused').map(({ reply }) => reply)];
  if (deferred.length === 0) {
    const all = done.refused.length > 0 ? `not accepted for ${describeReplies(refused)}` : text;
    return everybodyDone(done.accepted, refused, replies, all);
  }
  const recipients = { accepted: done.accepted, refused: addressesOf(refused), deferred: addressesOf(deferred) };
  return { kind: 'deferred', text, replies, recipients, ...wishFrom(deferred), ...blame, ...crowdedOf(result) };
};

/**
 * The outcome for the whole email and for each recipient.
 * @param tried the addresses of this attempt's envelope
 * @param done recipients that earlier attempts were done with
 */
export const classifyAnswer = (answer: ServerAnswer, tried: string[], done: RecipientsDone): Outcome => {
  if (answer.kind === 'taken') return classifyTaken(answer, tried, done);
  if (answer.kind === 'rejected') return classifyRejected(answer, tried, done);
  const { phase, replies } = answer;
  const refused = replies.length === 0 ? '' : `; refused before: ${describeReplies(replies)}`;
  const text = `the connection failed (${PHASE_WORDS[phase]}): ${answer.text}${refused}`;
  if (classifyFault(phase).outcome === 'uncertain') return { kind: 'uncertain', text, replies, blame: 'transport' };
  return { kind: 'deferred', text, replies, blame: 'transport', ...crowdedOf(answer) };
};
