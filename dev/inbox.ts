// The development inbox: an SMTP server that takes every mail and delivers none, and a page that shows what came.
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { answerInbox } from './inbox-http';
import { createBreaking, refusalOf } from './inbox-refusals';
import { createMailbox, type Mailbox } from './mailbox';

export interface Inbox {
  smtpPort: number;
  httpPort: number;
  mailbox: Mailbox;
  close(): Promise<void>;
}

const LARGEST = 50 * 1024 * 1024;
const HOST = '127.0.0.1';

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });

type Breaks = (session: SMTPServerSession) => boolean;

const receive =
  (mailbox: Mailbox, breaks: Breaks) => (stream: SMTPServerDataStream, session: SMTPServerSession, done: Done) => {
    const chunks: Buffer[] = [];
    // What is too large is read to its end, so that the client hears the refusal, but not kept.
    stream.on('data', (chunk: Buffer) => void (stream.sizeExceeded ? chunks.splice(0) : chunks.push(chunk)));
    stream.once('error', done);
    stream.once('end', () => {
      if (stream.sizeExceeded) return done(Object.assign(new Error('message too large'), { responseCode: 552 }));
      const { mailFrom, rcptTo } = session.envelope;
      const from = mailFrom === false ? '' : mailFrom.address;
      const id = mailbox.add(Buffer.concat(chunks), { from, to: rcptTo.map(({ address }) => address) });
      if (!breaks(session)) done(null, `kept as ${id}`);
    });
  };
type Done = (error?: Error | null, message?: string) => void;

const createSmtp = (mailbox: Mailbox): SMTPServer => {
  let breaks: Breaks = () => false;
  const server = new SMTPServer({
    name: 'inbox.rohrpost.example',
    banner: 'Rohrpost development inbox: nothing leaves it',
    size: LARGEST,
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 200,
    logger: false,
    onAuth: ({ username }, _session, done) => done(null, { user: username ?? 'anybody' }),
    onRcptTo: (address, _session, done) => done(refusalOf(address)),
    onData: receive(mailbox, (session) => breaks(session)),
  });
  breaks = createBreaking(server.server);
  return server;
};

/**
 * Starts the inbox on 127.0.0.1. Port 0 takes any free one.
 * @throws the error of the port that cannot be listened on; then nothing stays open
 */
export const startInbox = async (ports: { smtpPort: number; httpPort: number }): Promise<Inbox> => {
  const mailbox = createMailbox();
  const smtp = createSmtp(mailbox);
  // A client that hangs up in the middle is no reason to stop.
  smtp.on('error', () => undefined);
  const http = createServer((request, response) => void answerInbox(mailbox, request, response));
  const close = async (): Promise<void> => {
    http.closeAllConnections();
    await Promise.all([
      new Promise<void>((resolve) => http.close(() => resolve())),
      new Promise<void>((resolve) => smtp.close(() => resolve())),
    ]);
  };
  try {
    const smtpPort = await listen(smtp.server, ports.smtpPort);
    const httpPort = await listen(http, ports.httpPort);
    return { smtpPort, httpPort, mailbox, close };
  } catch (error) {
    await close();
    throw error;
  }
};
