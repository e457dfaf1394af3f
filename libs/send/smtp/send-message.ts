// Hands one message over to a server and tells what became of it: taken, refused or for now per recipient, or unknown.
import { readReply } from '../../mail/smtp/reply';
import { endsSession, isCrowded, refusesName } from '../../mail/smtp/session';
import { takes, type Connection, type Connections, type OpeningError } from './connections';
import { nameHint } from './fault-words';
import type { StepBounds } from './step-bounds';
import { transmit, type SendRequest, type SendResult } from './transmit';

/**
 * A session that has carried emails before and ends now, by words of the server or without any, tells of the session and not
 * of this email. Whatever ends it before the message had left has not taken the message, and so has a reply; what breaks off
 * after the message may have taken it, and is never repeated here.
 */
const isUsedUp = ({ reused, carried }: Connection, result: SendResult): boolean => {
  if (!reused) return false;
  if (result.kind === 'fault') return result.phase !== 'dot';
  return result.kind === 'rejected' && result.replies.some((reply) => endsSession(result.phase, reply, carried > 0));
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
const mayReset = ({ dialogue }: Connection, result: SendResult): boolean =>
  result.kind === 'rejected' &&
  result.phase !== 'message' &&
  (result.phase !== 'dot' || dialogue.answers.at(-1)?.step === 'dot') &&
  result.replies.every(({ code }) => code >= 400 && code < 600 && code !== 421);

const crowdedBy = (result: SendResult): boolean =>
  (result.kind === 'rejected' || result.kind === 'fault') &&
  result.replies.some((reply) => isCrowded(result.phase, reply));

/**
 * @param bounds ms that a server may take for each reply
 */
export const createSendMessage = (connections: Connections, bounds: StepBounds) => {
  /**
   * Says what a first email on a connection, or none, tells of the server. One that has connections of ours and drops a further
   * one before its greeting has enough of them.
   */
  const ofFresh = (result: SendResult, { transport }: SendRequest): SendResult => {
    if (result.kind !== 'rejected' && result.kind !== 'fault') return result;
    const dropped = result.kind === 'fault' && (result.phase === 'connect' || result.phase === 'greeting');
    if (crowdedBy(result) || (dropped && connections.ready(transport) > 0)) return { ...result, crowded: true };
    if (result.kind === 'fault' || !result.replies.some((reply) => refusesName(result.phase, reply))) return result;
    return { hint: nameHint(connections.nameFor(transport)), ...result };
  };

  const connect = async (work: SendRequest, fresh: boolean): Promise<Connection | SendResult> => {
    try {
      return await connections.take(work.transport, {
        fresh,
        signal: work.signal,
        ...(work.hear && { hear: work.hear }),
        ...(work.took && { took: work.took }),
      });
    } catch (thrown) {
      const { phase, response, responseCode, words, hint, notBefore } = thrown as OpeningError;
      if (work.signal.aborted) return { kind: 'stopped', phase, error: work.signal.reason };
      if (notBefore !== undefined) return { kind: 'postponed', text: words, ...notBefore };
      const result: SendResult =
        response && responseCode !== undefined
          ? { kind: 'rejected', phase, replies: [readReply(response)], ...(hint && { hint }) }
          : { kind: 'fault', phase, text: words, replies: [] };
      return ofFresh(result, work);
    }
  };

  /**
   * Nothing is said of an email that the server cannot take: as if it had answered 553 5.6.7 (RFC 6531 3.5), or 554 5.6.3
   * (RFC 6152 3).
   */
  const send = async (connection: Connection, work: SendRequest): Promise<SendResult> => {
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

  const once = async (work: SendRequest, fresh: boolean): Promise<{ result: SendResult; usedUp: boolean }> => {
    const connection = await connect(work, fresh);
    if ('kind' in connection) return { result: connection, usedUp: false };
    const sent = await send(connection, work);
    const usedUp = isUsedUp(connection, sent);
    const result = connection.reused ? sent : ofFresh(sent, work);
    const ends = usedUp || ('crowded' in result && result.crowded === true);
    const mayStay = mayReset(connection, sent);
    // Where it is one too many, or another one takes its place, it must be gone before anything else happens.
    if (ends) await connections.leave(connection, mayStay ? 'quit' : 'close');
    else if (sent.kind === 'taken' || (mayStay && (await resetForNext(connection))))
      connections.giveBack(work.transport, connection, sent.kind === 'taken');
    else void connections.leave(connection, 'close');
    return { result, usedUp };
  };

  /** Never rejects: every ending is a result. */
  return async (work: SendRequest): Promise<SendResult> => {
    const { result, usedUp } = await once(work, false);
    return usedUp && !work.signal.aborted ? (await once(work, true)).result : result;
  };
};
