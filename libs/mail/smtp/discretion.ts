// What is kept of an attempt of a confidential email quotes nothing that it says: neither a server's words nor a template's.
import type { FailureCode } from '../email/failure';
import type { Outcome, Reply } from '../email/outcome';
import type { ServerAnswer } from './classify-answer';
import type { Phase } from './phase';
import { queueIdOf } from './queue-id';

const NOT_KEPT = 'the words are not kept, since the email is confidential';

/** The server has seen something of the message by then, and may quote it. */
const AFTER_MESSAGE: ReadonlySet<Phase> = new Set(['message', 'dot']);

const withoutWords = (reply: Reply): Reply => {
  const queueId = queueIdOf(reply.text);
  const { enhancedCode } = reply;
  const status = enhancedCode === undefined ? '' : `${enhancedCode} `;
  return { ...reply, text: `${status}${queueId === undefined ? `(${NOT_KEPT})` : `queued as ${queueId}`}` };
};

/** Replies to the message without their words; those before it are about addresses. */
export const answerWithoutWords = (answer: ServerAnswer): ServerAnswer => {
  if (answer.kind === 'taken') return { ...answer, reply: withoutWords(answer.reply) };
  if (answer.kind !== 'rejected' || !AFTER_MESSAGE.has(answer.phase)) return answer;
  return { ...answer, replies: answer.replies.map(withoutWords) };
};

/** Hears a dialogue; of replies that come after the message was asked for, their codes. */
export const hearWithoutWords = (hear: (line: string) => void): ((line: string) => void) => {
  let isAfter = false;
  return (line) => {
    hear(isAfter && line.startsWith('S: ') ? `${line.slice(0, 6)} (${NOT_KEPT})` : line);
    if (line.startsWith('S: 354')) isAfter = true;
  };
};

/** Failures whose text may quote the email, or what was fetched for it. */
const QUOTING: ReadonlySet<FailureCode> = new Set([
  'template-failed',
  'data-invalid',
  'data-gone',
  'source-not-allowed',
  'attachment-gone',
  'attachment-invalid',
  'message-invalid',
]);

/** An outcome whose reason does not quote the email. */
export const outcomeWithoutQuotes = (outcome: Outcome): Outcome => {
  if (outcome.kind === 'refused' && QUOTING.has(outcome.code)) {
    const text = `the message could not be made (${outcome.code}); why is not kept, since the email is confidential: try the same with a test email that is not`;
    return { ...outcome, text };
  }
  if (outcome.kind !== 'deferred' || outcome.replies.length > 0 || outcome.blame !== undefined) return outcome;
  return { ...outcome, text: `what it is made of could not be fetched or read for now; ${NOT_KEPT}` };
};
