// What a client's commands do: who is let in, which envelope is taken, and what becomes of the message.
import type { SMTPServerDataStream, SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { addressFault } from '../../../libs/mail/address/address';
import { isWithin, networkOf } from '../../../libs/mail/settings/address-ranges';
import { signatureOf } from '../../../libs/mail/settings/api-key';
import type { Log } from '../../../libs/runtime/log';
import type { MailLog } from '../../../libs/events/mail-log';
import type { Budget } from '../../../libs/intake/budget';
import type { KeyRates } from '../../../libs/store/limits/key-rates';
import { requireRate } from '../../../libs/store/limits/credentials';
import { createBytesInWork } from '../transaction/bytes-in-work';
import { createLogin, type Login, type LoginDeps } from '../transaction/login';
import { receive } from '../transaction/receive';
import { brokenHere, Refusal, toRefusal } from '../transaction/refusal';
import { createSubmit, type SubmitDeps } from '../transaction/submit';
import type { Connection } from './connection';
import { commandsOff } from './commands-off';

export type Handlers = Required<
  Pick<SMTPServerOptions, 'onConnect' | 'onSecure' | 'onAuth' | 'onMailFrom' | 'onRcptTo' | 'onData'>
>;

export interface HandlerDeps extends LoginDeps, SubmitDeps {
  keyRates: KeyRates;
  budget: Pick<Budget, 'requireMemory'>;
  mailLog: Pick<MailLog, 'refusedBySmtp'>;
  log: Log;
  /** Where larger messages lie until they are whole. */
  spool: string;
  /** Bytes of a message. */
  maxBody: number;
  /** Connections at once. */
  connections: number;
  /** There is a certificate. */
  hasTls: boolean;
  stopping: () => boolean;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
/** Wrong keys in one connection. */
const MOST_LOGINS = 3;
/** A message that has not come to its end by then is given up (RFC 5321 4.5.3.2.6), ms. */
const MESSAGE_MS = 600_000;

/** The library says false of who has not logged in, or has begun anew inside of TLS. */
const loginOf = ({ user }: SMTPServerSession): Login | undefined => (user as Login | false | undefined) || undefined;

/** Tells the library how it ended, and the mail log what was refused. */
export const createAnswer =
  ({ log, mailLog }: Pick<HandlerDeps, 'log' | 'mailLog'>) =>
  <T>(
    step: string,
    session: SMTPServerSession,
    work: () => Promise<T>,
    callback: (error?: Error | null, result?: T) => void,
  ): void => {
    const refuse = (error: unknown): void => {
      const refusal = toRefusal(error) ?? brokenHere();
      if (!(error instanceof Refusal) && toRefusal(error) === undefined) log.error({ error, step }, 'a command broke');
      const login = loginOf(session);
      mailLog.refusedBySmtp({
        session: session.id,
        remote: session.remoteAddress,
        step,
        reply: refusal.responseCode,
        text: refusal.message,
        code: refusal.code,
        ...login?.address,
        by: login && signatureOf(login.identity),
      });
      callback(refusal);
    };
    work().then((result) => callback(null, result), refuse);
  };

/** @throws Refusal where too many are open from the same network, or with the same key */
export const createShare = ({ connections }: Pick<HandlerDeps, 'connections'>, clients: () => Connection[]) => {
  const most = Math.floor(connections / 2);
  const requireFew = (open: number, whose: string): void => {
    if (open > most) throw new Refusal(421, '4.7.0', `${whose} has ${most} connections open already: close some`);
  };
  return {
    ofNetwork({ remoteAddress }: SMTPServerSession): void {
      const network = networkOf(remoteAddress);
      requireFew(clients().filter((one) => networkOf(one.remoteAddress) === network).length, 'this network');
    },
    ofKey({ identity }: Login): void {
      requireFew(
        clients().filter(({ session }) => loginOf(session)?.identity.id === identity.id).length + 1,
        'this key',
      );
    },
  };
};

/** @throws Refusal */
const requireAddress = (address: string, reply: number, status: string): void => {
  const fault = addressFault(address);
  if (fault !== undefined) throw new Refusal(reply, status, `the address ${fault}`, 'invalid');
};

/** The beginning of a transaction: may this client send, as whom, now? */
const createMail = (deps: HandlerDeps, login: ReturnType<typeof createLogin>) => {
  const { hasTls, keyRates, budget } = deps;
  return async (address: string, session: SMTPServerSession): Promise<void> => {
    if (deps.stopping()) throw new Refusal(421, '4.3.2', 'this server is stopping: try again in a moment');
    const known = loginOf(session);
    if (known === undefined) {
      const how = hasTls
        ? 'say STARTTLS, then log in with a sender key as the password'
        : 'this server has no certificate, and takes mail from its own machine alone';
      throw new Refusal(530, '5.7.0', how, 'unauthenticated');
    }
    const now = await login.again(known);
    session.user = now;
    if (address === '')
      throw new Refusal(550, '5.1.7', 'an empty sender is not taken: bounces are not sent through Rohrpost', 'invalid');
    requireAddress(address, 553, '5.1.7');
    await budget.requireMemory();
    await requireRate(keyRates, now.identity);
  };
};

/**
 * Sends a client away whose message does not come to its end.
 * @returns what ends the watch
 */
export const watchMessage = (
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
  clients: () => Connection[],
): (() => void) => {
  const late = setTimeout(() => {
    // One that is whole waits for its turn.
    if (stream.writableEnded) return;
    clients()
      .find((client) => client.session === session)
      ?.dismiss('4.4.2 the message has not come to its end for too long');
  }, MESSAGE_MS);
  return () => clearTimeout(late);
};

/** The message: received, checked and kept, a bounded number of bytes at once. */
const createData = (deps: HandlerDeps, clients: () => Connection[]) => {
  const submit = createSubmit(deps);
  const inWork = createBytesInWork(2 * deps.maxBody);

  const take = async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> => {
    const login = loginOf(session);
    const { mailFrom, rcptTo } = session.envelope;
    if (login === undefined || mailFrom === false) throw new Refusal(503, '5.5.1', 'say MAIL first');
    const envelope = { from: mailFrom.address, to: rcptTo.map(({ address }) => address) };
    const received = await receive(stream, deps.spool);
    try {
      const { id } = await inWork(received.size, async () => submit(login, envelope, await received.bytes()));
      return `2.0.0 queued as ${id}`;
    } finally {
      await received.discard();
    }
  };

  return async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> => {
    const stop = watchMessage(stream, session, clients);
    try {
      return await take(stream, session);
    } catch (error) {
      // The client went away in the middle: nobody is left to be told.
      if (stream.destroyed && !stream.readableEnded)
        throw new Refusal(451, '4.4.2', 'the connection was lost before the message was whole');
      throw error;
    } finally {
      stop();
    }
  };
};

/** @param clients whoever is connected now, by any door */
export const createHandlers =
  (deps: HandlerDeps) =>
  (clients: () => Connection[]): Handlers => {
    const answer = createAnswer(deps);
    const share = createShare(deps, clients);
    const login = createLogin(deps);
    const mail = createMail(deps, login);
    const data = createData(deps, clients);
    const failed = new WeakMap<SMTPServerSession, number>();
    const { hasTls } = deps;

    const logIn = async (session: SMTPServerSession, user: string, key: string): Promise<Login> => {
      try {
        const made = await login.begin(session.remoteAddress, user, key);
        share.ofKey(made);
        return made;
      } catch (error) {
        const count = (failed.get(session) ?? 0) + 1;
        failed.set(session, count);
        if (count < MOST_LOGINS) throw error;
        throw new Refusal(421, '4.7.0', `${count} logins failed: connect anew, with a sender key as the password`);
      }
    };

    return {
      onConnect(session, callback) {
        const mayLogIn = session.secure || isWithin(session.remoteAddress, LOOPBACK);
        session.disabledCommands = commandsOff({ hasTls, mayLogIn });
        answer('connect', session, async () => share.ofNetwork(session), callback);
      },
      onSecure(_socket, session, callback) {
        session.disabledCommands = commandsOff({ hasTls, mayLogIn: true });
        callback();
      },
      onAuth({ username = '', password }, session, callback) {
        const work = async () => ({ user: await logIn(session, username, password ?? '') });
        answer('login', session, work, (error, result) => callback(error, result));
      },
      onMailFrom: ({ address }, session, callback) =>
        answer(
          'mail',
          session,
          () => mail(address, session),
          (error) => callback(error),
        ),
      onRcptTo: ({ address }, session, callback) =>
        answer(
          'rcpt',
          session,
          async () => requireAddress(address, 553, '5.1.3'),
          (error) => callback(error),
        ),
      onData: (stream, session, callback) => answer('data', session, () => data(stream, session), callback),
    };
  };
