// Hands one message over to a server and tells what became of it: taken, refused or for now per recipient, or unknown.
import { readReply } from '../mail/reply';
import { takes, type Connection, type Connections, type OpeningError } from './connections';
import { transmit, type HandOver, type HandOverResult, type StepBounds } from './transmit';

/**
 * A connection that had lain idle and failed before it said anything, or said only that it closes (421), tells of the idle
 * time and not of the server. Commands that left together count as one: none of them was answered.
 */
const wasStale = ({ reused, dialogue }: Connection, result: HandOverResult): boolean => {
  const [first, ...more] = dialogue.answers;
  if (!reused || more.length > 0) return false;
  return first === undefined ? result.kind === 'fault' : result.kind === 'rejected' && /^421/.test(first.text);
};

/** A server that does not answer RSET at once is not worth waiting for. */
const RESET_MS = 5_000;

/**
 * After a refusal the connection is still good, once the server has forgotten the email. nodemailer forgets the question
 * where the connection ends first, so its end is an answer too.
 */
const resetForNext = ({ smtp }: Connection): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, RESET_MS, false);
    const done = (good: boolean): void => {
      clearTimeout(timer);
      smtp.off('end', onEnd);
      resolve(good);
    };
    const onEnd = (): void => done(false);
    smtp.once('end', onEnd);
    if (smtp.destroyed) return done(false);
    smtp.reset((error) => done(error === null));
  });

/**
 * Whether the connection is where a new email may begin: not in the middle of a message, not being closed by the server,
 * and nothing but replies was heard (after garbage they may be shifted by one). A refusal after the message ends the
 * transaction and not the session (RFC 5321 4.1.1.4), if the dot had left before it was heard.
 */
const mayReset = ({ dialogue }: Connection, result: Extract<HandOverResult, { kind: 'rejected' }>): boolean =>
  result.phase !== 'message' &&
  (result.phase !== 'dot' || dialogue.answers.at(-1)?.step === 'dot') &&
  result.replies.every(({ code }) => code >= 400 && code < 600 && code !== 421);

/**
 * @param bounds ms that a server may take for each reply
 */
export const createHandOver = (connections: Connections, bounds: StepBounds) => {
  const connect = async (work: HandOver, fresh: boolean): Promise<Connection | HandOverResult> => {
    try {
      return await connections.take(work.transport, {
        fresh,
        signal: work.signal,
        ...(work.hear && { hear: work.hear }),
      });
    } catch (thrown) {
      const error = thrown as OpeningError;
      const { phase } = error;
      if (work.signal.aborted) return { kind: 'stopped', phase, error: work.signal.reason };
      if (error.response && error.responseCode !== undefined)
        return { kind: 'rejected', phase, replies: [readReply(error.response)] };
      return { kind: 'fault', phase, text: error.message, replies: [] };
    }
  };

  /**
   * Nothing is said of an email that the server cannot take: as if it had answered 553 5.6.7 (RFC 6531 3.5), or 554 5.6.3
   * (RFC 6152 3).
   */
  const send = async (connection: Connection, work: HandOver): Promise<HandOverResult> => {
    const wide = [work.envelope.from, ...work.envelope.to].filter((address) => /[^\x20-\x7e]/.test(address));
    if (work.message.eightBit && !takes(connection, '8BITMIME')) {
      const text = 'the server does not take messages with other than ASCII bytes (8BITMIME): encode the raw message';
      return { kind: 'rejected', phase: 'mail', replies: [{ code: 554, enhancedCode: '5.6.3', text }] };
    }
    if ((wide.length === 0 && !work.message.utf8) || takes(connection, 'SMTPUTF8'))
      return transmit(connection, work, bounds);
    const text =
      wide.length > 0
        ? `the server does not take addresses with other than ASCII characters (SMTPUTF8): ${wide.join(', ')}`
        : 'the server does not take messages with other than ASCII characters in the header (SMTPUTF8): an address in it (from, to, cc, replyTo), or the header of the raw message, has some';
    return { kind: 'rejected', phase: 'mail', replies: [{ code: 553, enhancedCode: '5.6.7', text }] };
  };

  const once = async (work: HandOver, fresh: boolean): Promise<{ result: HandOverResult; stale: boolean }> => {
    const connection = await connect(work, fresh);
    if ('kind' in connection) return { result: connection, stale: false };
    const result = await send(connection, work);
    const alive =
      result.kind === 'taken' ||
      (result.kind === 'rejected' && mayReset(connection, result) && (await resetForNext(connection)));
    if (alive) connections.giveBack(work.transport, connection);
    else connection.smtp.close();
    return { result, stale: wasStale(connection, result) };
  };

  /** Never rejects: every ending is a result. */
  return async (work: HandOver): Promise<HandOverResult> => {
    const { result, stale } = await once(work, false);
    return stale && !work.signal.aborted ? (await once(work, true)).result : result;
  };
};
