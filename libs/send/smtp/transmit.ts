// One message over one open connection: how it went, at which step it ended, in what time at most.
import { Readable } from 'node:stream';
import type { SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection';
import { readReply, type Phase } from '../../mail/smtp/reply';
import type { Reply } from '../../mail/email/outcome';
import { messageOf } from '../../runtime/fault';
import type { Connection, OpenTransport, SmtpError } from './connections';
import type { Answer } from './dialogue';
import { faultWords } from './fault-words';
import type { Message } from '../message/message';
import { socketOf } from './opening';
import { watchSteps, type StepBounds } from './step-bounds';

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

/**
 * What the server said. `reply` of `taken` is the one to the final dot. `hint`: what may be done about it. `crowded`: it takes
 * no further connection at present.
 */
/** What became of a message that a server was asked to take. */
export type Answered =
  | { kind: 'taken'; reply: Reply; rejected: Reply[] }
  /** The server said no at this phase; at `rcpt` to every recipient. */
  | { kind: 'rejected'; phase: Phase; replies: Reply[]; hint?: string; crowded?: true }
  /** No reply: the connection failed in this phase. `dot` means that the message had left. `replies`: whom it refused before. */
  | { kind: 'fault'; phase: Phase; text: string; replies: Reply[]; crowded?: true }
  /** `beforeMessage` said no, or the signal was given, before the message had left. */
  | { kind: 'stopped'; phase: Phase; error: unknown };

/** Or no server was asked: worth another try after `ms`. With `blame` somebody has to correct the transport first. */
export type HandOverResult = Answered | { kind: 'postponed'; text: string; ms: number; blame?: 'transport' };

/** What the message is read from failed in the middle of it: no fault of the server, which has not got its end. */
export class MessageUnreadable extends Error {
  override name = 'MessageUnreadable';
}

interface Rejection extends SmtpError {
  rejectedErrors?: (SmtpError & { recipient?: string })[];
}

/** Watches a message leave: the stream's own progress tells a living worker where a fault came. */
interface Progress {
  begun: boolean;
  ended: boolean;
  stopped?: { error: unknown };
}

/** What is written in this turn of the event loop leaves at its end: a small message and its dot in one packet. */
const leaveTogether = (smtp: Connection['smtp']): void => {
  // Without it they would leave one after the other.
  const socket = socketOf(smtp);
  socket?.cork();
  setImmediate(() => socket?.uncork());
};

/**
 * A message in memory, after the fence has let it out. A stream of our own: an iterator behind `Readable.from` costs as
 * much as the rest of a small email's way through the connection.
 */
const ofBuffer = ({ smtp }: Connection, bytes: Buffer, before: () => Promise<void>, progress: Progress): Readable => {
  const begin = (): void => {
    progress.begun = true;
    leaveTogether(smtp);
    stream.push(bytes);
  };
  const stop = (error: unknown): void => {
    progress.stopped = { error };
    stream.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  };
  const stream = new Readable({
    read() {
      if (!progress.begun) return void before().then(begin, stop);
      // Asked for more: the message has been taken.
      progress.ended = true;
      stream.push(null);
    },
  });
  return stream;
};

/** @param waits called with true when a block waits for the server to take it, with false when it was taken */
const ofStream = (
  open: () => Readable,
  before: () => Promise<void>,
  progress: Progress,
  waits: (waiting: boolean) => void,
): Readable => {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    try {
      await before();
    } catch (error) {
      progress.stopped = { error };
      throw error;
    }
    progress.begun = true;
    try {
      for await (const chunk of open()) {
        waits(true);
        yield chunk as Buffer;
        waits(false);
      }
    } catch (error) {
      progress.stopped = { error: new MessageUnreadable(messageOf(error), { cause: error }) };
      throw error;
    }
    progress.ended = true;
  };
  return Readable.from(bytes(), { objectMode: false });
};

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

/**
 * nodemailer asks for SMTPUTF8 where an address of the envelope needs it; the header may need it alone (RFC 6531 3.4). MAIL is
 * the next command, unless it finds a reason not to send; its method, a field of its own, is put back with it.
 */
const sayUtf8 = (smtp: Connection['smtp']): void => {
  const inner = smtp as unknown as { _sendCommand: (line: string, ...rest: unknown[]) => void };
  const send = inner._sendCommand;
  inner._sendCommand = (line, ...rest) => {
    inner._sendCommand = send;
    const lacks = line.startsWith('MAIL FROM:') && !line.includes('> SMTPUTF8');
    send.call(smtp, lacks ? `${line} SMTPUTF8` : line, ...rest);
  };
};

const isReply = ({ text }: Answer): boolean => /^[2-5]\d\d/.test(text);
const isRefusal = ({ text }: Answer): boolean => /^[45]\d\d/.test(text);
const toReply = ({ text, recipient }: Answer): Reply => readReply(text, recipient);

/**
 * The connection failed before all commands were answered. What was answered counts all the same: commands up to DATA
 * may leave together (RFC 2920), and a server that refuses and goes has refused.
 */
const judgeFault = (
  error: SmtpError,
  connection: Connection,
  { envelope: { to }, transport: { transport } }: HandOver,
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

const judge = (error: Rejection, connection: Connection, work: HandOver, progress: Progress): Answered => {
  const phase = phaseOf(error, connection, progress);
  if (progress.stopped !== undefined) return { kind: 'stopped', phase, error: progress.stopped.error };
  if (phase === 'rcpt' && error.rejectedErrors !== undefined && error.rejectedErrors.length > 0) {
    return {
      kind: 'rejected',
      phase,
      replies: error.rejectedErrors.map((one) => readReply(one.response ?? one.message, one.recipient)),
    };
  }
  // `CONN`: the reply is of the connection's end, and may be of any command.
  if (error.responseCode !== undefined && error.response && error.command !== 'CONN')
    return { kind: 'rejected', phase, replies: [readReply(error.response)] };
  if (/larger than allowed/.test(error.message)) {
    // The server's own limit, announced by SIZE in its greeting (RFC 1870 6.1): as if it had said 552 5.3.4.
    return { kind: 'rejected', phase: 'mail', replies: [{ code: 552, enhancedCode: '5.3.4', text: error.message }] };
  }
  return judgeFault(error, connection, work, progress);
};

/**
 * Never rejects.
 * @param bounds a server that is silent, or says a reply without ever ending it, is left after these
 */
export const transmit = (connection: Connection, work: HandOver, bounds: StepBounds): Promise<Answered> => {
  const { smtp, dialogue } = connection;
  const { signal, message } = work;
  const { from, to } = work.envelope;
  const progress: Progress = { begun: false, ended: false };
  const { content, size, eightBit = false, utf8 = false } = message;
  let block: NodeJS.Timeout | undefined;
  let over = false;
  const waits = (waiting: boolean): void => {
    clearTimeout(block);
    const ms = bounds.message;
    if (waiting && !over && ms !== undefined) block = setTimeout(giveUp, ms, `took no more of it for ${ms / 1_000} s`);
  };
  // nodemailer forgets whoever waits for a connection that it was told to close: judged first, closed then.
  let giveUp: (why: string) => void = () => undefined;
  const stream = Buffer.isBuffer(content)
    ? ofBuffer(connection, content, work.beforeMessage, progress)
    : ofStream(content, work.beforeMessage, progress, waits);
  dialogue.begin();
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'stopped', phase: 'mail', error: signal.reason });
    const stopWatching = watchSteps(dialogue, bounds, (_step, ms) => giveUp(`no reply within ${ms / 1_000} s`));
    const done = (result: Answered): void => {
      over = true;
      stopWatching();
      clearTimeout(block);
      signal.removeEventListener('abort', abort);
      resolve(result);
    };
    giveUp = (why) => {
      const result = judge(new Error(why), connection, work, progress);
      smtp.close();
      done(result);
    };
    const abort = (): void => {
      if (!progress.ended) progress.stopped ??= { error: signal.reason };
      giveUp(`the attempt was given up: ${String(signal.reason)}`);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (utf8) sayUtf8(smtp);
    smtp.send(
      // Exact (RFC 1870): a server decides by it.
      { from, to, size, use8BitMime: eightBit },
      stream,
      (error: Error | null, info?: SMTPConnectionSendInfo) => {
        if (error !== null || info === undefined) {
          stream.destroy();
          return done(judge(error ?? new Error('the server gave no answer'), connection, work, progress));
        }
        const rejected = (info.rejectedErrors ?? []) as NonNullable<Rejection['rejectedErrors']>;
        done({
          kind: 'taken',
          reply: readReply(info.response),
          rejected: rejected.map((one) => readReply(one.response ?? one.message, one.recipient)),
        });
      },
    );
  });
};
