// The outcome of a hand-over: what the server's replies come to for the whole email and for each recipient.
import { ContentMissing } from '../../libs/content/store-fault';
import type { Outcome, Reply } from '../../libs/mail/email/outcome';
import { judgeFault, judgeReply, wishOf, type Phase } from '../../libs/mail/smtp/reply';
import type { LeaseEnd } from '../../libs/jobs/transitions/lease';
import type { RecipientsDone } from '../../libs/jobs/transitions/hand-over-journal';
import { FenceClosed } from '../../libs/jobs/transitions/hand-over-journal';
import { MessageUnreadable, type Answered } from '../../libs/send/smtp/transmit';

/**
 * @param tried the addresses of this attempt's envelope
 * @param done recipients that earlier attempts were done with
 */
export const judgeHandOver = (result: Answered, tried: string[], done: RecipientsDone): Outcome => {
  switch (result.kind) {
    case 'taken':
      return judgeTaken(result, tried, done);
    case 'rejected':
      return judgeRejected(result, tried, done);
    case 'fault': {
      const verdict = judgeFault(result.phase);
      const { replies } = result;
      const refused = replies.length === 0 ? '' : `; refused before: ${describeReplies(replies)}`;
      const text = `the connection failed (${PHASE_WORDS[result.phase]}): ${result.text}${refused}`;
      if (verdict.outcome === 'uncertain') return { kind: 'uncertain', text, replies, blame: 'transport' };
      return { kind: 'deferred', text, replies, blame: 'transport', ...crowdedOf(result) };
    }
    case 'stopped':
      return judgeStopped(result);
  }
};

/** A server that never ends is a fault of the transport; every other reason to stop is ours. */
const judgeStopped = ({ phase, error }: Extract<Answered, { kind: 'stopped' }>): Outcome => {
  if (error === TOO_LONG) {
    const text = `the attempt took too long: given up ${PHASE_WORDS[phase]}`;
    return { kind: 'deferred', text, replies: [], blame: 'transport' };
  }
  if (error instanceof MessageUnreadable) {
    // Found while it was sent: the server did not get its end, and took nothing.
    if (error.cause instanceof ContentMissing)
      return { kind: 'refused', code: 'content-missing', text: error.message, replies: [] };
    return { kind: 'deferred', text: `its content could not be read: ${error.message}`, replies: [] };
  }
  return { kind: 'interrupted', text: `stopped: ${error instanceof FenceClosed ? error.message : String(error)}` };
};

const TOO_LONG: LeaseEnd = 'took-too-long';

const PHASE_WORDS: Record<Phase, string> = {
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

/** Everybody is done with: sent where nobody was refused, partly sent where somebody has it. */
const settled = (accepted: string[], refused: Reply[], replies: Reply[], text: string): Outcome => {
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

const judgeTaken = (
  { reply, rejected }: Extract<Answered, { kind: 'taken' }>,
  tried: string[],
  done: RecipientsDone,
): Outcome => {
  const isRefused = (one: Reply): boolean => judgeReply('rcpt', one, tried.length).outcome === 'refused';
  const deferred = rejected.filter((one) => !isRefused(one));
  const refused = [...done.refused, ...rejected.filter(isRefused)];
  const rejectedAddresses = new Set(rejected.map(({ recipient }) => recipient));
  const accepted = [...done.accepted, ...tried.filter((address) => !rejectedAddresses.has(address))];
  const replies = [reply, ...rejected];
  if (deferred.length === 0) return settled(accepted, refused, replies, describeReplies(refused));
  const recipients = { accepted, refused: addressesOf(refused), deferred: addressesOf(deferred) };
  return { kind: 'deferred', text: describeReplies(deferred), replies, recipients, ...wishFrom(deferred) };
};

const addressesOf = (replies: Reply[]): string[] => replies.map(({ recipient = '' }) => recipient);

const crowdedOf = ({ crowded }: { crowded?: true }): { crowded?: true } => (crowded ? { crowded } : {});

const judgeRejected = (
  result: Extract<Answered, { kind: 'rejected' }>,
  tried: string[],
  done: RecipientsDone,
): Outcome => {
  const { phase, replies, hint } = result;
  const verdicts = replies.map((reply) => ({ reply, ...judgeReply(phase, reply, tried.length) }));
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
    return settled(done.accepted, refused, replies, all);
  }
  const recipients = { accepted: done.accepted, refused: addressesOf(refused), deferred: addressesOf(deferred) };
  return { kind: 'deferred', text, replies, recipients, ...wishFrom(deferred), ...blame, ...crowdedOf(result) };
};

const wishFrom = (replies: Reply[]): { retryAfter?: number } => {
  const wishes = replies.map(({ text }) => wishOf(text)).filter((wish) => wish !== undefined);
  return wishes.length === 0 ? {} : { retryAfter: Math.max(...wishes) };
};

/** The server's own words, for each recipient once. */
const describeReplies = (replies: Reply[]): string =>
  replies
    .map(({ recipient, code, text }) =>
      `${recipient === undefined ? '' : `${recipient}: `}${code || ''} ${text}`.trim(),
    )
    .join('; ');
