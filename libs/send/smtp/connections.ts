// Connections to SMTP servers: opened when needed, kept warm for a while, never shared by two transports.
import { setTimeout as pause } from 'node:timers/promises';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Encryption } from '../../mail/email/outcome';
import type { Phase } from '../../mail/smtp/phase';
import type { AddressRule } from '../../runtime/addresses';
import type { Sockets } from '../../store/limits/sockets';
import { createDialogue, type Dialogue } from './dialogue';
import type { OpenTransport, SmtpError } from './unsealed-transport';
import { encryptionOf, offers, openConnection, socketOf } from './open-connection';
import type { StepBounds } from './step-bounds';
import { tokenOf, withToken } from './token-login';

export type { OpeningError, OpenTransport, SmtpError } from './unsealed-transport';

export interface Connection {
  smtp: SMTPConnection;
  /** An email was brought to it before: what the server says now may be about the session and not about the email. */
  reused: boolean;
  /** Messages that were taken over it. */
  carried: number;
  /** Where it is, and what was said. */
  dialogue: Dialogue;
  /** Not there where nothing is encrypted. */
  tls: Encryption | undefined;
}

export interface TakeOptions {
  /** Not one that an email was brought to before. */
  fresh: boolean;
  signal?: AbortSignal;
  hear?: (line: string) => void;
  /** Hears how long each step waited for the server, ms. */
  took?: (step: Phase, ms: number) => void;
}

export interface Connections {
  /** A connection that is greeted, encrypted and logged in. @throws OpeningError */
  take(transport: OpenTransport, options: TakeOptions): Promise<Connection>;
  /** Gives a connection back that may carry another email. @param taken whether it has carried this one */
  giveBack(transport: OpenTransport, connection: Connection, taken: boolean): void;
  /**
   * Ends a connection, politely where the server may still be spoken to.
   * @returns when it is closed: within seconds, whatever the server does
   */
  leave(connection: Connection, how: 'quit' | 'close'): Promise<void>;
  /** How many connections to the transport this process has that were ready for an email and are still open. */
  ready(transport: OpenTransport): number;
  /** The name that is given in EHLO. */
  nameFor(transport: OpenTransport): string;
  /** Ends all that are idle. @returns when they are closed, within seconds */
  close(): Promise<void>;
}

/** Servers close idle connections after minutes; ours end before. */
const IDLE_MS = 15_000;
/** Where connections are counted, others wait for them. */
const COUNTED_IDLE_MS = 1_000;
/** Idle connections of one process; with many transports the one that has lain longest makes room. */
export const MOST_IDLE = 100;
/** Fresh connections now and then, so that a load balancer's servers share the work. Messages. */
const MOST_EMAILS = 200;
/** A server that does not answer QUIT by then is left without an answer. */
const QUIT_MS = 2_000;
/** Who waits for a connection to be closed before the next one may be opened looks again after this. */
const ROOM_MS = 20;

interface Idle {
  transport: OpenTransport;
  connection: Connection;
  timer: NodeJS.Timeout;
  onEnd: () => void;
}

/** Does the server take this? nodemailer would send addresses wide of ASCII (RFC 6531) anyway. */
export const takes = ({ smtp }: Connection, extension: 'SMTPUTF8' | '8BITMIME' | 'DSN'): boolean =>
  offers(smtp, extension);

/** When the socket is closed, whoever closes it. */
const whenClosed = (smtp: SMTPConnection): Promise<void> => {
  const socket = socketOf(smtp);
  if (socket === undefined || socket.closed) return Promise.resolve();
  return new Promise((resolve) => void socket.once('close', () => resolve()));
};

/** @returns when it is closed; a socket that does not end by itself is broken off */
const leave = async (smtp: SMTPConnection, how: 'quit' | 'close'): Promise<void> => {
  const closed = whenClosed(smtp);
  if (how === 'quit' && !smtp.destroyed) smtp.quit();
  else smtp.close();
  const timer = setTimeout(() => {
    smtp.close();
    socketOf(smtp)?.destroy();
  }, QUIT_MS);
  timer.unref();
  await closed;
  clearTimeout(timer);
};

/** Counts by name what lasts for a while. */
const createCounts = () => {
  const counts = new Map<string, number>();
  const add = (name: string, more: number): void => {
    const count = (counts.get(name) ?? 0) + more;
    if (count > 0) counts.set(name, count);
    else counts.delete(name);
  };
  return {
    of: (name: string): number => counts.get(name) ?? 0,
    /** @param over resolves when it is over */
    while(name: string, over: Promise<void>): Promise<void> {
      add(name, 1);
      return over.finally(() => add(name, -1));
    },
  };
};

/** Connections that are being ended. */
const createEndings = () => {
  const leaving = new Set<Promise<void>>();
  const end = (smtp: SMTPConnection, how: 'quit' | 'close'): Promise<void> => {
    const left = leave(smtp, how).finally(() => leaving.delete(left));
    leaving.add(left);
    return left;
  };
  return { end, allEnded: (): Promise<unknown> => Promise.all(leaving) };
};

/** Connections that are kept for the next email of their transport. @param quit ends one politely */
const createIdle = (quit: (smtp: SMTPConnection) => void) => {
  /** Whoever lies longest first. */
  const lying = new Set<Idle>();

  const drop = (entry: Idle): void => {
    lying.delete(entry);
    clearTimeout(entry.timer);
    entry.connection.smtp.off('end', entry.onEnd);
  };

  const endOne = (entry: Idle): void => {
    drop(entry);
    quit(entry.connection.smtp);
  };

  /** The one that was used last. What was opened as the transport was before it changed is ended. */
  const of = ({ id, transport }: OpenTransport): Idle | undefined => {
    const all = [...lying].filter((entry) => entry.transport.id === id);
    for (const entry of all) if (entry.transport.transport.version !== transport.version) endOne(entry);
    return all.findLast((entry) => entry.transport.transport.version === transport.version);
  };

  const keep = (transport: OpenTransport, connection: Connection, ms: number): void => {
    const onEnd = (): void => drop(entry);
    const timer = setTimeout(() => endOne(entry), ms);
    timer.unref();
    const entry: Idle = { transport, connection, timer, onEnd };
    connection.smtp.once('end', onEnd);
    lying.add(entry);
    const [oldest] = lying;
    if (lying.size > MOST_IDLE && oldest !== undefined) endOne(oldest);
  };

  return { of, keep, drop, end: endOne, endAll: (): void => [...lying].forEach(endOne) };
};

interface ConnectionsDeps {
  /** Given in EHLO where the transport has none of its own. */
  name: string;
  /** ms for each step of opening one. */
  bounds: StepBounds;
  /** Counts what is open, and bounds it where the transport does. */
  sockets: Sockets;
  /** Which addresses the hosts may stand for that administrators of tenants set. */
  mayReach: AddressRule;
}

export const createConnections = (deps: ConnectionsDeps): Connections => {
  const { sockets } = deps;
  const ready = createCounts();
  const { end, allEnded } = createEndings();

  const nameFor = ({ transport }: OpenTransport): string => transport.name ?? deps.name;

  const idle = createIdle((smtp) => void end(smtp, 'quit'));

  const open = async (transport: OpenTransport, closed: () => void, options: TakeOptions): Promise<Connection> => {
    const { id } = transport;
    const dialogue = createDialogue();
    Object.assign(dialogue, { hear: options.hear, took: options.took });
    let smtp: SMTPConnection | undefined;
    let token: string | undefined;
    try {
      token = await tokenOf(transport);
      const settings = { ...deps, name: nameFor(transport), signal: options.signal, token };
      const opened = await openConnection(transport, dialogue, { ...settings, begun: (begun) => (smtp = begun) });
      void ready.while(id, whenClosed(opened)).then(closed);
      return { smtp: opened, reused: false, carried: 0, dialogue, tls: encryptionOf(opened) };
    } catch (error) {
      if (smtp === undefined) closed();
      else void end(smtp, 'close').then(closed);
      throw token === undefined ? error : Object.assign(error as Error, { token });
    }
  };

  const take = async (transport: OpenTransport, options: TakeOptions): Promise<Connection> => {
    const { fresh, hear, signal, took } = options;
    for (;;) {
      const entry = idle.of(transport);
      if (entry !== undefined && !fresh) {
        idle.drop(entry);
        Object.assign(entry.connection.dialogue, { hear, took });
        return { ...entry.connection, reused: true };
      }
      const closed = sockets.open(transport.id);
      if (closed !== undefined) return open(transport, closed, options);
      // All that may be open are: one that lies idle makes room, else one that is being closed.
      if (entry !== undefined) idle.end(entry);
      await pause(ROOM_MS, undefined, { ...(signal && { signal }) }).catch((error: SmtpError) => {
        throw Object.assign(error, { phase: 'connect' as const, words: 'given up while connecting' });
      });
    }
  };

  return {
    take: (transport, options) => withToken(transport, () => take(transport, options)),
    giveBack(transport, used, taken) {
      const connection = { ...used, carried: used.carried + (taken ? 1 : 0) };
      const { smtp, dialogue } = connection;
      Object.assign(dialogue, { hear: undefined, took: undefined });
      if (connection.carried >= MOST_EMAILS || smtp.destroyed) return void end(smtp, 'quit');
      idle.keep(transport, connection, sockets.counted(transport.id) ? COUNTED_IDLE_MS : IDLE_MS);
    },
    leave: ({ smtp }, how) => end(smtp, how),
    ready: ({ id }) => ready.of(id),
    nameFor,
    async close() {
      idle.endAll();
      await allEnded();
    },
  };
};
