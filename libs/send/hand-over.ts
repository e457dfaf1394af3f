// Hands one message over to a server and tells what became of it: taken, refused or for now per recipient, or unknown.
import { Readable } from 'node:stream';
import type { SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection';
import { readReply, type Phase } from '../mail/reply';
import type { Reply } from '../mail/outcome';
import { takes, type Connection, type Connections, type OpenTransport } from './connections';
import type { Message } from './message';

export interface Envelope {
  from: string;
  to: string[];
}

export interface HandOver {
  transport: OpenTransport;
  envelope: Envelope;
  message: Message;
  /** Called after the server's 354, before the first byte of the message; what it throws stops the message. */
  beforeMessage: () => Promise<void>;
  signal: AbortSignal;
  /** Hears the dialogue, where it is wanted. */
  hear?: (line: string) => void;
}

/** What the server said. `reply` of `taken` is the one to the final dot. */
export type HandOverResult =
  | { kind: 'taken'; reply: Reply; rejected: Reply[] }
  /** The server said no at this phase; at `rcpt` to every recipient. */
  | { kind: 'rejected'; phase: Phase; replies: Reply[] }
  /** No reply: the connection failed in this phase. `dot` means that the message had left. */
  | { kind: 'fault'; phase: Phase; text: string }
  /** `beforeMessage` said no, or the signal was given before the message had left. */
  | { kind: 'stopped'; error: unknown };

interface SmtpError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
  rejectedErrors?: (SmtpError & { recipient?: string })[];
}

const PHASE_OF_COMMAND: [prefix: string, phase: Phase][] = [
  ['MAIL', 'mail'],
  ['RCPT', 'rcpt'],
  ['DATA', 'data'],
  ['AUTH', 'auth'],
  ['STARTTLS', 'tls'],
  ['EHLO', 'greeting'],
  ['HELO', 'greeting'],
];

/** Watches a message leave: the stream's own progress tells a living worker where a fault came (facts.md 0.7). */
interface Progress {
  begun: boolean;
  ended: boolean;
  stopped?: { error: unknown };
}

const asStream = (message: Message, before: () => Promise<void>, progress: Progress): Readable => {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    try {
      await before();
    } catch (error) {
      progress.stopped = { error };
      throw error;
    }
    progress.begun = true;
    const source = message.open();
    if (Buffer.isBuffer(source)) yield source;
    else for await (const chunk of source) yield chunk as Buffer;
    progress.ended = true;
  };
  return Readable.from(bytes(), { objectMode: false });
};

const phaseOf = (error: SmtpError, progress: Progress): Phase => {
  // After the end of the stream nodemailer writes the dot at once: whatever fails now may come after it.
  if (progress.ended) return 'dot';
  if (progress.begun) return 'message';
  const command = error.command ?? '';
  return PHASE_OF_COMMAND.find(([prefix]) => command.startsWith(prefix))?.[1] ?? 'mail';
};

const judge = (error: SmtpError, progress: Progress): HandOverResult => {
  if (progress.stopped !== undefined) return { kind: 'stopped', error: progress.stopped.error };
  const phase = phaseOf(error, progress);
  if (phase === 'rcpt' && error.rejectedErrors !== undefined && error.rejectedErrors.length > 0) {
    return {
      kind: 'rejected',
      phase,
      replies: error.rejectedErrors.map((one) => readReply(one.response ?? one.message, one.recipient)),
    };
  }
  if (error.responseCode !== undefined && error.response)
    return { kind: 'rejected', phase, replies: [readReply(error.response)] };
  if (/larger than allowed/.test(error.message)) {
    // The server's own limit, announced by SIZE in its greeting (RFC 1870 6.1): as if it had said 552 5.3.4.
    return { kind: 'rejected', phase: 'mail', replies: [{ code: 552, enhancedCode: '5.3.4', text: error.message }] };
  }
  return { kind: 'fault', phase, text: error.message };
};

/** A fault before anything was said in this dialogue, on a connection that had lain idle, says nothing of the server. */
const wasStale = (connection: Connection, result: HandOverResult): boolean =>
  connection.reused && result.kind === 'fault' && (result.phase === 'mail' || result.phase === 'rcpt');

const transmit = (connection: Connection, work: HandOver): Promise<HandOverResult> => {
  const progress: Progress = { begun: false, ended: false };
  const stream = asStream(work.message, work.beforeMessage, progress);
  return new Promise((resolve) => {
    const abort = (): void => {
      if (!progress.ended) progress.stopped ??= { error: work.signal.reason };
      connection.smtp.close();
      // nodemailer forgets whoever waits for a connection that it was told to close.
      done(
        progress.ended
          ? { kind: 'fault', phase: 'dot', text: 'the attempt was given up' }
          : { kind: 'stopped', error: work.signal.reason },
      );
    };
    if (work.signal.aborted) return resolve({ kind: 'stopped', error: work.signal.reason });
    work.signal.addEventListener('abort', abort, { once: true });
    const done = (result: HandOverResult): void => {
      work.signal.removeEventListener('abort', abort);
      resolve(result);
    };
    const { size, eightBit = false } = work.message;
    const envelope = { ...work.envelope, size, use8BitMime: eightBit };
    connection.smtp.send(envelope, stream, (error: Error | null, info?: SMTPConnectionSendInfo) => {
      if (error !== null || info === undefined) {
        stream.destroy();
        return done(judge(error ?? new Error('the server gave no answer'), progress));
      }
      const rejected = (info.rejectedErrors ?? []) as NonNullable<SmtpError['rejectedErrors']>;
      done({
        kind: 'taken',
        reply: readReply(info.response),
        rejected: rejected.map((one) => readReply(one.response ?? one.message, one.recipient)),
      });
    });
  });
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
 * and nothing but replies was heard (after garbage they may be shifted by one).
 */
const mayReset = (result: Extract<HandOverResult, { kind: 'rejected' }>): boolean =>
  result.phase !== 'message' &&
  result.phase !== 'dot' &&
  result.replies.every(({ code }) => code >= 400 && code < 600 && code !== 421);

const phaseOfOpening = (error: SmtpError): Phase => {
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH') return 'auth';
  if (error.code === 'ETLS' || /certificate|self.signed|SSL|TLS/i.test(error.message)) return 'tls';
  return error.responseCode === undefined ? 'connect' : 'greeting';
};

export const createHandOver = (connections: Connections) => {
  const connect = async (work: HandOver, fresh: boolean): Promise<Connection | HandOverResult> => {
    try {
      return await connections.take(work.transport, {
        fresh,
        signal: work.signal,
        ...(work.hear && { hear: work.hear }),
      });
    } catch (thrown) {
      if (work.signal.aborted) return { kind: 'stopped', error: work.signal.reason };
      const error = thrown as SmtpError;
      const phase = phaseOfOpening(error);
      if (error.response && error.responseCode !== undefined)
        return { kind: 'rejected', phase, replies: [readReply(error.response)] };
      return { kind: 'fault', phase, text: error.message };
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
    if (wide.length === 0 || takes(connection, 'SMTPUTF8')) return transmit(connection, work);
    const text = `the server does not take addresses with other than ASCII characters (SMTPUTF8): ${wide.join(', ')}`;
    return { kind: 'rejected', phase: 'mail', replies: [{ code: 553, enhancedCode: '5.6.7', text }] };
  };

  const once = async (work: HandOver, fresh: boolean): Promise<{ result: HandOverResult; stale: boolean }> => {
    const connection = await connect(work, fresh);
    if ('kind' in connection) return { result: connection, stale: false };
    const result = await send(connection, work);
    const alive =
      result.kind === 'taken' || (result.kind === 'rejected' && mayReset(result) && (await resetForNext(connection)));
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
