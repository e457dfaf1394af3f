// The outcome of a hand-over: what the server's replies come to for the whole email and for each recipient.
import type { Outcome, Reply } from '../../libs/mail/outcome';
import { judgeFault, judgeReply, wishOf, type Phase } from '../../libs/mail/reply';
import type { RecipientsDone } from '../../libs/queue/marks';
import { FenceClosed } from '../../libs/queue/marks';
import type { HandOverResult } from '../../libs/send/hand-over';

/**
 * @param tried the addresses of this attempt's envelope
 * @param done recipients that earlier attempts were done with
 */
export const judgeHandOver = (result: HandOverResult, tried: string[], done: RecipientsDone): Outcome => {
  switch (result.kind) {
    case 'taken':
      return judgeTaken(result, tried, done);
    case 'rejected':
      return judgeRejected(result.phase, result.replies, tried, done);
    case 'fault': {
      const verdict = judgeFault(result.phase);
      const text = `the connection failed (${PHASE_WORDS[result.phase]}): ${result.text}`;
      if (verdict.outcome === 'uncertain') return { kind: 'uncertain', text, replies: [], blame: 'transport' };
      return { kind: 'deferred', text, replies: [], blame: 'transport' };
    }
    case 'stopped':
      return {
        kind: 'interrupted',
        text: `stopped: ${result.error instanceof FenceClosed ? result.error.message : String(result.error)}`,
      };
  }
};

const PHASE_WORDS: Record<Phase, string> = {
  connect: 'while connecting',
  greeting: 'at the greeting',
  tls: 'at TLS',
  auth: 'at the login',
  mail: 'at MAIL FROM',
  rcpt: 'at RCPT TO',
  data: 'at DATA',
  message: 'while the message was sent',
  dot: 'after the message was sent',
};

const judgeTaken = (
  { reply, rejected }: Extract<HandOverResult, { kind: 'taken' }>,
  tried: string[],
  done: RecipientsDone,
): Outcome => {
  const refusedNow = rejected.filter((one) => judgeReply('rcpt', one).outcome === 'refused');
  const deferred = rejected.filter((one) => judgeReply('rcpt', one).outcome !== 'refused');
  const rejectedAddresses = new Set(rejected.map(({ recipient }) => recipient));
  const accepted = tried.filter((address) => !rejectedAddresses.has(address));
  const refused = [...done.refused, ...refusedNow];
  const recipients = {
    accepted: [...done.accepted, ...accepted],
    refused: refused.map(({ recipient = '' }) => recipient),
    deferred: deferred.map(({ recipient = '' }) => recipient),
  };
  const replies = [reply, ...rejected];
  if (deferred.length > 0)
    return { kind: 'deferred', text: describeReplies(deferred), replies, recipients, ...wishFrom(deferred) };
  if (refused.length > 0) {
    return {
      kind: 'refused',
      code: 'partly-sent',
      text: `not accepted for ${describeReplies(refused)}`,
      replies,
      recipients,
    };
  }
  return { kind: 'sent', replies, recipients };
};

const judgeRejected = (phase: Phase, replies: Reply[], tried: string[], done: RecipientsDone): Outcome => {
  const verdicts = replies.map((reply) => ({ reply, ...judgeReply(phase, reply) }));
  const deferred = verdicts.filter(({ outcome }) => outcome === 'deferred').map(({ reply }) => reply);
  const refused = verdicts.filter(({ outcome }) => outcome === 'refused').map(({ reply }) => reply);
  const text = `${PHASE_WORDS[phase]}: ${describeReplies(replies)}`;
  if (verdicts.some(({ outcome }) => outcome === 'uncertain')) return { kind: 'uncertain', text, replies };
  const allRefused = [...done.refused, ...(phase === 'rcpt' ? refused : [])];
  const recipients = {
    accepted: done.accepted,
    refused: allRefused.map(({ recipient = '' }) => recipient),
    deferred: phase === 'rcpt' ? deferred.map(({ recipient = '' }) => recipient) : deferred.length > 0 ? tried : [],
  };
  const ofTransport = verdicts.some(({ blame }) => blame === 'transport');
  if (deferred.length > 0) {
    return {
      kind: 'deferred',
      text,
      replies,
      recipients,
      ...wishFrom(deferred),
      ...(ofTransport && { blame: 'transport' as const }),
    };
  }
  const code = done.accepted.length > 0 ? 'partly-sent' : 'refused';
  return { kind: 'refused', code, text, replies, recipients };
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
