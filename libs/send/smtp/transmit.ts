// One message over one open connection: handed over within its time, answered or given up.
import type { SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection';
import type { Encryption } from '../../mail/email/outcome';
import { readReply, type Phase } from '../../mail/smtp/reply';
import type { Message } from '../message/message';
import { takes, type Connection, type OpenTransport } from './connections';
import { messageStream, type Progress } from './message-stream';
import { readFailure, refusalsOf, type Answered, type Rejection } from './server-answer';
import { watchSteps, type StepBounds } from './step-bounds';

export interface Envelope {
  from: string;
  to: string[];
  /** Reports are asked for under it, where the server offers that (RFC 3461); not where it is not given. */
  envelopeId?: string;
}

export interface SendRequest {
  transport: OpenTransport;
  envelope: Envelope;
  message: Message;
  /** Called after the server's 354, before the first byte of the message; what it throws stops the message. */
  beforeMessage: () => Promise<void>;
  signal: AbortSignal;
  /** Hears the dialogue, where it is wanted. */
  hear?: (line: string) => void;
  /** Hears how long each step waited for the server, ms. */
  took?: (step: Phase, ms: number) => void;
  /** Hears how the connection that it goes by is encrypted; undefined where nothing is. */
  encrypted?: (tls: Encryption | undefined) => void;
}

/** Or no server was asked: worth another try after `ms`. With `blame` somebody has to correct the transport first. */
export type SendResult = Answered | { kind: 'postponed'; text: string; ms: number; blame?: 'transport' };

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

/** A recipient as a parameter (RFC 3461 4): what is no plain ASCII, and + and =, as +XX. */
const xtext = (text: string): string =>
  text.replace(/[^!-*,-<>-~]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

/**
 * nodemailer says one ORCPT for all recipients: each has its own (RFC 3461 4.2), by which a report names it whatever became of the
 * address on the way. Addresses wide of ASCII would need a type of their own (RFC 6533 3), and do without.
 * @returns puts nodemailer's method back
 */
const sayOriginals = (smtp: Connection['smtp']): (() => void) => {
  const inner = smtp as unknown as { _sendCommand: (line: string, ...rest: unknown[]) => void };
  const send = inner._sendCommand;
  inner._sendCommand = (line, ...rest) => {
    const [, recipient] = /^RCPT TO:<([!-~]+)>/.exec(line) ?? [];
    send.call(smtp, recipient === undefined ? line : `${line} ORCPT=rfc822;${xtext(recipient)}`, ...rest);
  };
  return () => {
    inner._sendCommand = send;
  };
};

/** What a server that offers it is asked to report: failures and delays, with the header alone (RFC 3461 4.1, 4.3). */
const askReports = (connection: Connection, { envelopeId }: Envelope) =>
  envelopeId !== undefined && takes(connection, 'DSN')
    ? { dsn: { ret: 'HDRS', envid: envelopeId, notify: ['FAILURE', 'DELAY'] } }
    : {};

/** A timer for each block of a message: TCP takes it, or the server takes no more. */
const watchBlocks = (
  ms: number | undefined,
  late: (why: string) => void,
): { waits: (waiting: boolean) => void; stop: () => void } => {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  return {
    waits(waiting) {
      clearTimeout(timer);
      if (!waiting || over || ms === undefined) return;
      timer = setTimeout(late, ms, `took no more of it for ${ms / 1_000} s`);
    },
    stop() {
      over = true;
      clearTimeout(timer);
    },
  };
};

/**
 * Never rejects.
 * @param bounds a server that is silent, or says a reply without ever ending it, is left after these
 */
export const transmit = (connection: Connection, work: SendRequest, bounds: StepBounds): Promise<Answered> => {
  const { smtp, dialogue } = connection;
  const { signal, message, envelope } = work;
  const asked = { to: envelope.to, transport: work.transport.transport };
  const progress: Progress = { begun: false, ended: false };
  const failed = (error: Rejection): Answered => readFailure(error, connection, asked, progress);
  // nodemailer forgets whoever waits for a connection that it was told to close: read first, closed then.
  let giveUp: (why: string) => void = () => undefined;
  const blocks = watchBlocks(bounds.message, (why) => giveUp(why));
  const stream = messageStream(connection, message.content, work.beforeMessage, progress, blocks.waits);
  dialogue.begin();
  work.encrypted?.(connection.tls);
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'stopped', phase: 'mail', error: signal.reason });
    const stopWatching = watchSteps(dialogue, bounds, (_step, ms) => giveUp(`no reply within ${ms / 1_000} s`));
    const asksReports = askReports(connection, envelope);
    const stopOriginals = 'dsn' in asksReports ? sayOriginals(smtp) : undefined;
    const done = (result: Answered): void => {
      stopOriginals?.();
      stopWatching();
      blocks.stop();
      signal.removeEventListener('abort', abort);
      resolve(result);
    };
    giveUp = (why) => {
      const result = failed(new Error(why));
      smtp.close();
      done(result);
    };
    const abort = (): void => {
      if (!progress.ended) progress.stopped ??= { error: signal.reason };
      giveUp(`the attempt was given up: ${String(signal.reason)}`);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (message.utf8) sayUtf8(smtp);
    // Exact (RFC 1870): a server decides by it.
    const { from, to } = envelope;
    const requireTLSExtensionEnabled = work.transport.transport.tls?.requireTls === true;
    const use8BitMime = message.eightBit ?? false;
    const options = { from, to, size: message.size, use8BitMime, requireTLSExtensionEnabled, ...asksReports };
    smtp.send(options, stream, (error: Error | null, info?: SMTPConnectionSendInfo) => {
      if (error !== null || info === undefined) {
        stream.destroy();
        return done(failed(error ?? new Error('the server gave no answer')));
      }
      done({
        kind: 'taken',
        reply: readReply(info.response),
        rejected: refusalsOf(info as Pick<Rejection, 'rejectedErrors'>),
      });
    });
  });
};
