// Connections to SMTP servers: opened when needed, kept warm for a while, never shared by two transports.
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { TransportSecrets } from '../store/transports';
import type { StoredTransport } from '../mail/transport';
import type { Phase } from '../mail/reply';
import { createDialogue, type Dialogue } from './dialogue';

/** A transport with its secrets in clear. */
export interface OpenTransport {
  /** `tenant/name`. */
  id: string;
  transport: StoredTransport;
  secrets: TransportSecrets;
}

export interface Connection {
  smtp: SMTPConnection;
  /** Has carried an email before: a fault before its first reply may be the idle time's. */
  reused: boolean;
  /** Where it is, and what was said. */
  dialogue: Dialogue;
}

/** What nodemailer throws, as far as we read it. */
export interface SmtpError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

/** A connection that could not be opened: at which step. */
export type OpeningError = SmtpError & { phase: Phase };

export interface Connections {
  /** A connection that is greeted, encrypted and logged in. @throws OpeningError */
  take(
    transport: OpenTransport,
    options: { fresh: boolean; signal?: AbortSignal; hear?: (line: string) => void },
  ): Promise<Connection>;
  /** Gives a connection back that may carry another email. */
  giveBack(transport: OpenTransport, connection: Connection): void;
  /** Ends all that are idle. */
  close(): void;
}

const CONNECT_MS = 30_000;
const GREETING_MS = 30_000;
/** All of connecting, greeting, TLS and login; shorter than the lease of a breaker's probe. */
const OPENING_MS = 60_000;
/** RFC 5321 4.5.3.2.6: ten minutes for the reply to the final dot; a shorter one manufactures uncertain emails. */
const SOCKET_MS = 600_000;
/** Servers close idle connections after minutes; ours end before. */
const IDLE_MS = 15_000;
/** Where connections are counted, they are given up sooner than the right to them (libs/store/connection-rights.ts). */
const COUNTED_IDLE_MS = 1_000;
/** Idle connections of one process; with many transports the one that has lain longest makes room. */
export const MOST_IDLE = 100;
/** Fresh connections now and then, so that a load balancer's servers share the work. */
const MOST_EMAILS = 200;

interface Idle {
  key: string;
  connection: Connection;
  timer: NodeJS.Timeout;
  onEnd: () => void;
}

const smtpOptions = ({ transport }: OpenTransport, { logger }: Dialogue) => ({
  host: transport.host,
  port: transport.port,
  secure: transport.security === 'tls',
  requireTLS: transport.security === 'starttls',
  ignoreTLS: transport.security === 'none',
  ...(transport.name !== undefined && { name: transport.name }),
  tls: {
    minVersion: transport.tls?.minVersion ?? ('TLSv1.2' as const),
    ...(transport.tls?.ca !== undefined && { ca: transport.tls.ca }),
    ...(transport.tls?.servername !== undefined && { servername: transport.tls.servername }),
    rejectUnauthorized: true,
  },
  connectionTimeout: CONNECT_MS,
  greetingTimeout: GREETING_MS,
  socketTimeout: SOCKET_MS,
  transactionLog: true,
  logger,
});

/**
 * Does the server take addresses wide of ASCII (RFC 6531)? nodemailer would send them anyway. The list is its own field;
 * test/flow/sending.test.ts holds it to that.
 */
export const takes = ({ smtp }: Connection, extension: 'SMTPUTF8' | '8BITMIME'): boolean => {
  const { _supportedExtensions: extensions } = smtp as unknown as { _supportedExtensions?: string[] };
  return extensions?.includes(extension) ?? false;
};

/** Before the greeting only the words of a fault tell whether TLS was the cause; a login may fail without being tried. */
const phaseOfOpening = (error: SmtpError, step: Phase): Phase => {
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH') return 'auth';
  return step === 'connect' && /certificate|self.signed|SSL|TLS/i.test(error.message) ? 'tls' : step;
};

/** Connects, and logs in where the transport has credentials. */
const open = (transport: OpenTransport, dialogue: Dialogue, signal?: AbortSignal): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const smtp = new SMTPConnection(smtpOptions(transport, dialogue));
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', giveUp);
      clearTimeout(timer);
      smtp.close();
      reject(Object.assign(error, { phase: phaseOfOpening(error, dialogue.step) }));
    };
    const giveUp = (): void => fail(new Error('given up while connecting'));
    const late = Object.assign(new Error(`not ready within ${OPENING_MS / 1_000} s`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(fail, OPENING_MS, late);
    if (signal?.aborted) return giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    smtp.once('error', fail);
    // The reason for an end is told after it: only where there is none, the end itself is the fault.
    const ended = Object.assign(new Error('the server closed the connection'), { code: 'ECONNECTION' });
    smtp.once('end', () => setImmediate(fail, ended));
    const ready = (): void => {
      signal?.removeEventListener('abort', giveUp);
      clearTimeout(timer);
      smtp.removeAllListeners('end');
      smtp.off('error', fail);
      // From here on a fault reaches whoever uses the connection; an idle one is let go by its own listener.
      smtp.on('error', () => undefined);
      resolve({ smtp, reused: false, dialogue });
    };
    smtp.connect((error) => {
      if (error) return fail(error);
      const { auth } = transport.transport;
      if (auth === undefined || transport.secrets.password === undefined) return ready();
      smtp.login({ user: auth.user, pass: transport.secrets.password }, (loginError) =>
        loginError ? fail(loginError) : ready(),
      );
    });
  });

const idleFor = ({ transport }: OpenTransport): number =>
  transport.limits?.connections === undefined ? IDLE_MS : COUNTED_IDLE_MS;

export const createConnections = (): Connections => {
  const idle = new Map<string, Idle[]>();
  /** The same, whoever lies longest first. */
  const lying = new Set<Idle>();
  const carried = new WeakMap<SMTPConnection, number>();
  const keyOf = (transport: OpenTransport): string => `${transport.id}/${transport.transport.version}`;

  const drop = (entry: Idle): void => {
    const { key } = entry;
    lying.delete(entry);
    clearTimeout(entry.timer);
    entry.connection.smtp.off('end', entry.onEnd);
    const rest = (idle.get(key) ?? []).filter((other) => other !== entry);
    if (rest.length > 0) idle.set(key, rest);
    else idle.delete(key);
  };

  const end = (entry: Idle): void => {
    drop(entry);
    entry.connection.smtp.quit();
  };

  return {
    async take(transport, { fresh, hear, signal }) {
      const key = keyOf(transport);
      const entry = fresh ? undefined : idle.get(key)?.at(-1);
      if (entry !== undefined) {
        drop(entry);
        entry.connection.dialogue.hear = hear;
        return { ...entry.connection, reused: true };
      }
      const dialogue = createDialogue();
      dialogue.hear = hear;
      return open(transport, dialogue, signal);
    },
    giveBack(transport, connection) {
      connection.dialogue.hear = undefined;
      const count = (carried.get(connection.smtp) ?? 0) + 1;
      carried.set(connection.smtp, count);
      if (count >= MOST_EMAILS || connection.smtp.destroyed) return connection.smtp.quit();
      const key = keyOf(transport);
      const onEnd = (): void => drop(entry);
      const timer = setTimeout(() => end(entry), idleFor(transport));
      timer.unref();
      const entry: Idle = { key, connection, timer, onEnd };
      connection.smtp.once('end', onEnd);
      idle.set(key, [...(idle.get(key) ?? []), entry]);
      lying.add(entry);
      const [oldest] = lying;
      if (lying.size > MOST_IDLE && oldest !== undefined) end(oldest);
    },
    close() {
      for (const entry of [...lying]) end(entry);
    },
  };
};
