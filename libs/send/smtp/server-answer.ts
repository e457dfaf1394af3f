// What a server had said when a message failed: read from nodemailer's error and from the dialogue; what it means is not asked here.
import type { ServerAnswer } from '../../mail/smtp/classify-answer';
import { readReply, type Phase } from '../../mail/smtp/reply';
import type { Reply } from '../../mail/email/outcome';
import type { StoredTransport } from '../../mail/settings/transport';
import type { Connection, SmtpError } from './connections';
import type { Answer } from './dialogue';
import { faultWords } from './fault-words';
import type { Progress } from './message-stream';

/** What became of a message that a server was asked to take. */
export type Answered =
  | ServerAnswer
  /** `beforeMessage` said no, or the signal was given, before the message had left. */
  | { kind: 'stopped'; phase: Phase; error: unknown };

/** nodemailer's error, and those of the recipients that it had collected before. */
export interface Rejection extends SmtpError {
  rejectedErrors?: (SmtpError & { recipient?: string })[];
}

/** What it was asked. */
export interface Asked {
  /** Addresses of the envelope. */
  to: string[];
  transport: StoredTransport;
}

/** Whom it refused, and in which words. */
export const refusalsOf = ({ rejectedErrors = [] }: Pick<Rejection, 'rejectedErrors'>): Reply[] =>
  rejectedErrors.map((one) => readReply(one.response ?? one.message, one.recipient));

/**
 * After the end of the stream nodemailer writes the dot at once: whatever fails now may come after it. Before the message
 * an answer is of its command, and what is none (`CONN`: the connection ended) is of the step that is waited for.
 */
const phaseOf = ({ command = '', response }: SmtpError, { dialogue }: Connection, progress: Progress): Phase => {
  if (progress.ended) return 'dot';
  if (progress.begun) return 'message';
  if (!response || command === 'CONN') return dialogue.step;
  if (command.startsWith('RCPT')) return 'rcpt';
  return command.startsWith('DATA') ? 'data' : 'mail';
};

const isReply = ({ text }: Answer): boolean => /^[2-5]\d\d/.test(text);
const isRefusal = ({ text }: Answer): boolean => /^[45]\d\d/.test(text);
const toReply = ({ text, recipient }: Answer): Reply => readReply(text, recipient);

/**
 * The connection failed before all commands were answered. What was answered counts all the same: commands up to DATA
 * may leave together (RFC 2920), and a server that refuses and goes has refused.
 */
const answersUntilFault = (
  error: SmtpError,
  connection: Connection,
  { to, transport }: Asked,
  progress: Progress,
): Answered => {
  const { answers } = connection.dialogue;
  // After garbage the answers may be shifted by one.
  const refusals = answers.every(isReply) ? answers.filter(isRefusal) : [];
  const ofMail = refusals.filter(({ step }) => step === 'mail');
  if (ofMail.length > 0) return { kind: 'rejected', phase: 'mail', replies: ofMail.map(toReply) };
  const ofRecipients = refusals.filter(({ step }) => step === 'rcpt');
  if (ofRecipients.length === to.length) return { kind: 'rejected', phase: 'rcpt', replies: ofRecipients.map(toReply) };
  const ofMessage = refusals.find(({ step }) => step !== 'rcpt');
  if (ofMessage !== undefined) {
    return { kind: 'rejected', phase: progress.ended ? 'dot' : ofMessage.step, replies: [toReply(ofMessage)] };
  }
  return {
    kind: 'fault',
    phase: phaseOf(error, connection, progress),
    text: faultWords(error, transport),
    replies: ofRecipients.map(toReply),
  };
};

/** What the server had said when nodemailer gave a message up: a refusal, a fault without a reply, or a stop of our own. */
export const readFailure = (error: Rejection, connection: Connection, asked: Asked, progress: Progress): Answered => {
  const phase = phaseOf(error, connection, progress);
  if (progress.stopped !== undefined) return { kind: 'stopped', phase, error: progress.stopped.error };
  const refusals = refusalsOf(error);
  if (phase === 'rcpt' && refusals.length > 0) return { kind: 'rejected', phase, replies: refusals };
  // `CONN`: the reply is of the connection's end, and may be of any command.
  if (error.responseCode !== undefined && error.response && error.command !== 'CONN')
    return { kind: 'rejected', phase, replies: [readReply(error.response)] };
  if (/larger than allowed/.test(error.message)) {
    // The server's own limit, announced by SIZE in its greeting (RFC 1870 6.1): as if it had said 552 5.3.4.
    return { kind: 'rejected', phase: 'mail', replies: [{ code: 552, enhancedCode: '5.3.4', text: error.message }] };
  }
  return answersUntilFault(error, connection, asked, progress);
};
