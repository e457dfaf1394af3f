// A scripted SMTP server: real dialogues over real sockets, faults where a test wants them.
import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { simpleParser, type ParsedMail } from 'mailparser';
import type { Script } from './smtp-script';
import { SmtpSession, type Envelope, type Host } from './smtp-session';
import type { TokenLogin } from './smtp-token';

export interface Received extends Envelope {
  /** As it was meant: without the dots that were doubled for the way. */
  raw: Buffer;
  /** ms since 1970 */
  at: number;
  session: number;
  parsed(): Promise<ParsedMail>;
}

export interface SmtpServer {
  host: string;
  port: number;
  /** What the server took, in order. */
  messages: Received[];
  /** Every line that clients said, but message content. */
  commands: string[];
  /** Connections ever, now, and at most at once. */
  connections: number;
  open: number;
  maxOpen: number;
  /** Holds from the next phase on, also for dialogues that are under way. */
  setScript(script: Script): void;
  /** Resolves when so many were taken; rejects after the timeout (ms) with the last ones that were. */
  waitForMessages(count: number, timeout?: number): Promise<Received[]>;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

export interface SmtpServerOptions {
  script?: Script;
  tls?: 'starttls' | 'implicit';
  /** Whoever sends must log in so. */
  auth?: { user: string; pass: string };
  /** Or by an access token. */
  tokens?: TokenLogin;
  /** What EHLO offers, instead of the usual; AUTH and STARTTLS come from their options. */
  extensions?: string[];
  /** Any free one if not given. */
  port?: number;
}

const EXTENSIONS = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'SIZE 52428800'];

/** Starts a server on 127.0.0.1 that accepts everything which its script does not forbid. */
export const startSmtpServer = async (options: SmtpServerOptions = {}): Promise<SmtpServer> => {
  let script = options.script ?? {};
  let begun = 0;
  const news = new EventEmitter().setMaxListeners(0);
  const sockets = new Set<Socket>();

  const host: Host = {
    ...(options.auth && { auth: options.auth }),
    ...(options.tokens && { tokens: options.tokens }),
    ...(options.tls && { tls: options.tls }),
    extensions: options.extensions ?? EXTENSIONS,
    handler: (phase) => script[phase],
    begin: () => ++begun,
    said: (command) => void server.commands.push(command),
    take(envelope, raw, session) {
      server.messages.push({ ...envelope, raw, at: Date.now(), session, parsed: () => simpleParser(raw) });
      news.emit('message');
    },
  };
  // Replies to pipelined commands are many small writes: Nagle's delay would cost 40 ms each.
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    server.connections++;
    server.open++;
    server.maxOpen = Math.max(server.maxOpen, server.open);
    socket.once('close', () => {
      sockets.delete(socket);
      server.open--;
    });
    void new SmtpSession(host, socket, server.connections).run();
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  const server: SmtpServer = {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    messages: [],
    commands: [],
    connections: 0,
    open: 0,
    maxOpen: 0,
    setScript: (next) => void (script = next),
    waitForMessages: (count, timeout = 25_000) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (server.messages.length < count) return;
          clearTimeout(timer);
          news.off('message', check);
          resolve(server.messages);
        };
        const timer = setTimeout(() => {
          news.off('message', check);
          const came = server.messages.map(({ from, to }) => `\n  ${from} -> ${to.join(', ')}`);
          reject(new Error(`${came.length} of ${count} messages came within ${timeout} ms${came.slice(-20).join('')}`));
        }, timeout);
        news.on('message', check);
        check();
      }),
    async close() {
      const closed = [...sockets].map((socket) => once(socket.destroy(), 'close'));
      await Promise.all([...closed, new Promise((resolve) => listener.close(resolve))]);
    },
  };
  return server;
};
