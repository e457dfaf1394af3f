// A scripted SMTP server: real dialogues over real sockets, faults where a test wants them.
import { EventEmitter } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { simpleParser, type ParsedMail } from 'mailparser';
import type { Script } from './smtp-script';
import { SmtpSession, type Envelope } from './smtp-session';
import { serverCertificate, serverKey } from './tls';

export interface Received extends Envelope {
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
  setScript(script: Script): void;
  /** Resolves when so many were taken; rejects after the timeout. */
  waitForMessages(count: number, timeout?: number): Promise<Received[]>;
  close(): Promise<void>;
}

export interface SmtpServerOptions {
  script?: Script;
  tls?: 'starttls' | 'implicit';
  auth?: { user: string; pass: string };
  /** Any free one if not given. */
  port?: number;
}

export const startSmtpServer = async (options: SmtpServerOptions = {}): Promise<SmtpServer> => {
  let script = options.script ?? {};
  let begun = 0;
  const news = new EventEmitter().setMaxListeners(0);
  const sockets = new Set<Socket>();

  const take = (envelope: Envelope, raw: Buffer, session: number): void => {
    server.messages.push({ ...envelope, raw, at: Date.now(), session, parsed: () => simpleParser(raw) });
    news.emit('message');
  };
  const onConnection = (socket: Socket): void => {
    sockets.add(socket);
    server.connections++;
    server.open++;
    server.maxOpen = Math.max(server.maxOpen, server.open);
    socket.once('close', () => {
      sockets.delete(socket);
      server.open--;
    });
    const host = {
      ...(options.auth && { auth: options.auth }),
      starttls: options.tls === 'starttls',
      handler: (phase: keyof Script) => script[phase],
      begin: () => ++begun,
      said: (command: string) => void server.commands.push(command),
      take,
    };
    new SmtpSession(host, socket, server.connections);
  };
  const listener =
    options.tls === 'implicit'
      ? createTlsServer({ key: serverKey, cert: serverCertificate }, onConnection).on('tlsClientError', () => undefined)
      : createServer(onConnection);
  await new Promise<void>((resolve) => listener.listen(options.port ?? 0, '127.0.0.1', resolve));

  const server: SmtpServer = {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    messages: [],
    commands: [],
    connections: 0,
    open: 0,
    maxOpen: 0,
    setScript: (next) => void (script = next),
    waitForMessages: (count, timeout = 15_000) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (server.messages.length < count) return;
          clearTimeout(timer);
          news.off('message', check);
          resolve(server.messages);
        };
        const timer = setTimeout(() => {
          news.off('message', check);
          reject(new Error(`${server.messages.length} of ${count} messages came within ${timeout} ms`));
        }, timeout);
        news.on('message', check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return server;
};
