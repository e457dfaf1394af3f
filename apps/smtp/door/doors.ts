// The ports that mail comes in by: how they listen, whom they let in, and how they close without cutting anybody off.
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { messageOf } from '../../../libs/runtime/fault';
import type { Log } from '../../../libs/runtime/log';
import { MOST_RECIPIENTS } from '../../../libs/mail/email/email';
import type { Certificate } from './certificate';
import { commandsOff } from './commands-off';
import { Connection } from './connection';
import type { Handlers } from './handlers';

/** Who has not logged in by then is sent away, ms. */
const LOGIN_MS = 30_000;
/** Commands before the login. */
const MOST_COMMANDS_BEFORE = 20;
/** Between two commands, and between two pieces of a message, ms (RFC 5321 4.5.3.2.7). */
const IDLE_MS = 300_000;
/** A command line; the longest are those of AUTH (RFC 4954 4). Bytes. */
const LONGEST_COMMAND = 12_288;
/** Idle connections are looked for so often while the process stops, ms. */
const LOOK_MS = 50;

export interface DoorOptions {
  host: string;
  /** 0: none. */
  port: number;
  /** The port with TLS from the first byte; 0: none. */
  tlsPort: number;
  /** How clients are greeted. */
  name: string;
  /** Bytes of a message. */
  maxBody: number;
  /** At once. */
  connections: number;
}

export interface Doors {
  /** 0: not open. */
  port: number;
  tlsPort: number;
  /**
   * Takes no new connection; whoever is in no transaction is told to come back later, the others when theirs is over.
   * @param left ms after which those that are still there are cut off
   */
  close(left: number): Promise<void>;
}

/** What a client must have done by some time, ms: who has not is sent away with these words. */
interface Arrival {
  ms: number;
  isWelcome: (session: SMTPServerSession) => boolean;
  words: string;
}

/** One port. */
export class Door extends SMTPServer {
  constructor(
    options: SMTPServerOptions,
    private readonly arrival: Arrival,
  ) {
    super(options);
  }

  override connect(socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null): void {
    const connection = new Connection(this, socket, options ?? null);
    this.connections.add(connection);
    connection.on('error', (error: Error) => this.emit('error', error));
    connection.on('connect', () => undefined);
    connection.init();
    const { ms, isWelcome, words } = this.arrival;
    setTimeout(() => {
      if (!isWelcome(connection.session)) connection.dismiss(words);
    }, ms).unref();
  }

  get clients(): Connection[] {
    return [...this.connections] as Connection[];
  }

  /** @throws Error where the port is taken */
  async open(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    return (this.server.address() as AddressInfo).port;
  }

  async shut(left: number): Promise<void> {
    const gone = new Promise<true>((resolve) => this.server.close(() => resolve(true)));
    const until = performance.now() + left;
    for (let isGone = false; !isGone; isGone = await Promise.race([gone, pause(LOOK_MS, false)])) {
      const isOver = performance.now() >= until;
      for (const client of this.clients)
        if (isOver || !client.inTransaction) client.dismiss('4.3.2 this server is stopping: try again in a moment');
      if (isOver) return;
    }
  }
}

/** What every port has in common. */
export const doorOptions = (
  { name, maxBody, connections }: Pick<DoorOptions, 'name' | 'maxBody' | 'connections'>,
  { pair }: Certificate,
): SMTPServerOptions => ({
  ...pair,
  name,
  banner: 'Rohrpost',
  heloResponse: '%s',
  disableReverseLookup: true,
  hideENHANCEDSTATUSCODES: false,
  size: maxBody,
  maxClients: connections,
  maxCommandLength: LONGEST_COMMAND,
  socketTimeout: IDLE_MS,
  logger: false,
});

const openDoor = (config: DoorOptions, handlers: Handlers, certificate: Certificate, secure: boolean): Door => {
  const options: SMTPServerOptions = {
    ...doorOptions(config, certificate),
    ...handlers,
    secure,
    disabledCommands: commandsOff({ hasTls: certificate.pair !== undefined, mayLogIn: secure }),
    authMethods: ['PLAIN', 'LOGIN'],
    // Who may log in without TLS is decided for each connection.
    allowInsecureAuth: true,
    maxRecipients: MOST_RECIPIENTS,
    maxAllowedUnauthenticatedCommands: MOST_COMMANDS_BEFORE,
  };
  return new Door(options, {
    ms: LOGIN_MS,
    isWelcome: ({ user }) => Boolean(user),
    words: '4.7.0 nobody has logged in for too long',
  });
};

/** @throws Error where the port is taken */
export const listen = (
  door: Door,
  { port, host }: { port: number; host: string },
  certificate: Certificate,
  log: Log,
): Promise<number> => {
  // Of clients: they go away in the middle, or speak something else than TLS.
  door.on('error', (error) => log.debug({ error: messageOf(error) }, 'a connection by SMTP broke'));
  certificate.onChange((pair) => door.updateSecureContext(pair));
  return door.open(port, host);
};

/**
 * @param makeHandlers is given whoever is connected, by both doors: they are counted together
 * @throws Error where a port is taken
 */
export const openDoors = async (
  config: DoorOptions,
  makeHandlers: (clients: () => Connection[]) => Handlers,
  certificate: Certificate,
  log: Log,
): Promise<Doors> => {
  const opened: Door[] = [];
  const handlers = makeHandlers(() => opened.flatMap((door) => door.clients));
  const open = async (port: number, secure: boolean): Promise<number> => {
    if (port === 0) return 0;
    const door = openDoor(config, handlers, certificate, secure);
    opened.push(door);
    return listen(door, { port, host: config.host }, certificate, log);
  };
  return {
    port: await open(config.port, false),
    tlsPort: await open(config.tlsPort, true),
    close: async (left) => void (await Promise.all(opened.map((door) => door.shut(left)))),
  };
};
