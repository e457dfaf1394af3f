// A connection to a mailbox: guarded, encrypted, logged in, its folder open; bounded in time and in what is read of one answer.
import { isIP } from 'node:net';
import { ImapFlow } from 'imapflow';
import type { StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import { MOST_READ } from '../../../libs/mail/reports/read-report';
import { guardedLookup, resolveBySystem, type AddressRule, type Resolve } from '../../../libs/runtime/addresses';
import { HostNotAllowed } from '../../../libs/send/smtp/guard-addresses';
import { boundFolder, boundReceived, type ReceivedBound } from './bound-client';
import type { Credentials, MailboxLogin } from './load-mailbox';
import { MailboxFault, mailboxFault, tooMuch } from './mailbox-fault';

/** ms */
export interface MailboxBounds {
  connect: number;
  greeting: number;
  /** Without a byte from the server. */
  silence: number;
}

export const MAILBOX_BOUNDS: MailboxBounds = { connect: 20_000, greeting: 15_000, silence: 30_000 };

/** Of one answer: the beginning of a message, or the numbers of half a million messages. Bytes. */
const MOST_LITERAL = MOST_READ + 1_024;
const MOST_LINE = 4 * 1024 * 1024;
const MOST_TOKENS = 20_000;

const clientOf = (
  { mayReach, bounds = MAILBOX_BOUNDS, resolve = resolveBySystem }: OpenMailboxDeps,
  mailbox: StoredMailbox,
  auth: Credentials,
): ImapFlow => {
  const { host, port, security, tls, hostBy } = mailbox;
  const isGuarded = hostBy !== 'operator';
  // An address never reaches the lookup.
  if (isGuarded && isIP(host) !== 0 && !mayReach(host, host)) throw new MailboxFault(new HostNotAllowed(host).message);
  return new ImapFlow({
    host,
    port,
    secure: security === 'tls',
    doSTARTTLS: security === 'starttls',
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    tls: {
      minVersion: tls?.minVersion ?? 'TLSv1.2',
      ...(tls?.ca !== undefined && { ca: tls.ca }),
      rejectUnauthorized: true,
      ...(isGuarded && { lookup: guardedLookup(mayReach, resolve, (name) => new HostNotAllowed(name)) }),
    },
    auth,
    clientInfo: { name: 'Rohrpost' },
    disableAutoIdle: true,
    disableCompression: true,
    logger: false,
    connectionTimeout: bounds.connect,
    greetingTimeout: bounds.greeting,
    socketTimeout: bounds.silence,
    maxLineLength: MOST_LINE,
    maxLiteralSize: MOST_LITERAL,
    maxResponseSize: MOST_LINE + MOST_LITERAL,
    maxResponseTokens: MOST_TOKENS,
  });
};

export interface OpenMailboxDeps {
  mayReach: AddressRule;
  bounds?: MailboxBounds;
  /** The system's where it is not given. */
  resolve?: Resolve;
}

/** What ends a visit early ends its connection, whatever the server does meanwhile. */
const closeWith = (client: ImapFlow, signal: AbortSignal): (() => void) => {
  const close = (): void => client.close();
  if (signal.aborted) close();
  signal.addEventListener('abort', close, { once: true });
  return () => signal.removeEventListener('abort', close);
};

interface Opened {
  client: ImapFlow;
  bound: ReceivedBound;
  used: Credentials;
}

/** What must not be told, whatever a server says. */
const secretsOf = (used: Credentials | undefined): string[] =>
  used === undefined ? [] : ['pass' in used ? used.pass : used.accessToken];

/** Works at an open folder. @param fault what went wrong there, in words, without secrets */
type Work<T> = (client: ImapFlow, fault: (thrown: unknown) => MailboxFault) => Promise<T>;

/**
 * Opens the folder, does the work, and ends the connection. A token that is refused is replaced once.
 * @param signal ends it at once
 * @throws MailboxFault where the mailbox cannot be opened, or its server sends too much; what the work throws
 */
export const withMailbox = async <T>(
  deps: OpenMailboxDeps,
  mailbox: StoredMailbox,
  login: MailboxLogin,
  signal: AbortSignal,
  work: Work<T>,
): Promise<T> => {
  const faultOf = (error: unknown, used?: Credentials, bound?: ReceivedBound): MailboxFault =>
    bound?.isExceeded() === true ? tooMuch(mailbox) : mailboxFault(error, mailbox, secretsOf(used));
  const open = async (mayRepeat: boolean): Promise<Opened> => {
    const used = await login.credentials();
    const client = clientOf(deps, mailbox, used);
    // It is told of by whatever waits for the connection as well; unheard, an 'error' would end the process.
    client.on('error', () => undefined);
    const forget = closeWith(client, signal);
    const bound = boundReceived(client);
    try {
      await client.connect();
      await client.mailboxOpen(mailbox.folder);
      boundFolder(client);
      client.once('close', forget);
      return { client, bound, used };
    } catch (error) {
      forget();
      bound.end();
      client.close();
      const isRefused = (error as { authenticationFailed?: boolean }).authenticationFailed === true;
      if (mayRepeat && isRefused && (await login.refused(used))) return open(false);
      throw faultOf(error, used, bound);
    }
  };
  const { client, bound, used } = await open(true).catch((error: unknown) => {
    throw faultOf(error);
  });
  try {
    const done = await work(client, (thrown) => faultOf(thrown, used, bound));
    await client.logout().catch(() => undefined);
    return done;
  } finally {
    bound.end();
    client.close();
  }
};
