// The port that reports come back to: it takes what is for a tagged return path alone, asks nobody for a login, and relays nothing.
import type { SMTPServerDataStream, SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { takeReport, type TakeReportDeps } from '../../../libs/intake/reports/take-report';
import type { MailLog } from '../../../libs/events/mail-log';
import { MOST_READ, readReport } from '../../../libs/mail/reports/read-report';
import { tagsIn } from '../../../libs/mail/reports/return-path';
import type { Log } from '../../../libs/runtime/log';
import type { CheckedTag, TagCheck } from '../../../libs/store/reports/tag-keys';
import { createBytesInWork } from '../transaction/bytes-in-work';
import { receiveHead } from '../transaction/receive-head';
import { Refusal } from '../transaction/refusal';
import type { Certificate } from './certificate';
import { commandsOff } from './commands-off';
import { Door, doorOptions, listen, type DoorOptions } from './doors';
import { createAnswer, createShare } from './handlers';

export interface BounceDoorDeps extends TakeReportDeps {
  checkTag: TagCheck;
  mailLog: Pick<MailLog, 'reported' | 'refusedBySmtp'>;
  log: Log;
  stopping: () => boolean;
}

export interface BounceDoorOptions extends Pick<DoorOptions, 'name' | 'maxBody' | 'connections'> {
  /** None where it is not given. */
  bounces?: { host: string; port: number };
}

export interface BounceDoor {
  port: number;
  /** As `Doors.close`. */
  close(left: number): Promise<void>;
}

/** A report is about one email; whoever collects them may have a few. */
const MOST_RECIPIENTS = 20;
/** Who has been refused so many addresses in one connection guesses. */
const MOST_REFUSED = 20;
/** Bytes of reports that are read at once. */
const MOST_BYTES = 16 * MOST_READ;
/** A report that has not come to its end by then is given up (RFC 5321 4.5.3.2.6), ms. */
const MESSAGE_MS = 600_000;

/** @throws Refusal that ends the connection, where it was the last of many */
const createGuesses = () => {
  const refused = new WeakMap<SMTPServerSession, number>();
  return async <T>(session: SMTPServerSession, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const count = (refused.get(session) ?? 0) + 1;
      refused.set(session, count);
      if (count < MOST_REFUSED) throw error;
      throw new Refusal(421, '4.7.0', `${count} addresses were refused: only return paths of emails are taken here`);
    }
  };
};

type GoodTag = Extract<CheckedTag, { kind: 'good' }>;

/** @throws Refusal for whatever is not the return path of an email that was sent lately */
const createTagOf =
  ({ checkTag, clock, stopping }: BounceDoorDeps) =>
  async (address: string): Promise<GoodTag> => {
    if (stopping()) throw new Refusal(421, '4.3.2', 'this server is stopping: try again in a moment');
    const [tag, ...more] = tagsIn(address.slice(0, address.lastIndexOf('@')));
    const checked = tag === undefined || more.length > 0 ? undefined : await checkTag(tag, clock.now());
    if (checked?.kind === 'good') return checked;
    throw checked?.kind === 'expired'
      ? new Refusal(550, '5.1.1', 'reports on this email are not taken any more: it was sent more than 14 days ago')
      : new Refusal(550, '5.1.1', 'there is no such address here: reports on emails are taken, and nothing is relayed');
  };

/** Reads the report, and brings it to every email that it was sent back to. */
const createData = (deps: BounceDoorDeps, tagOf: ReturnType<typeof createTagOf>) => {
  const inWork = createBytesInWork(MOST_BYTES);
  return async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> => {
    const bytes = await receiveHead(stream, MOST_READ);
    return inWork(bytes.length, async () => {
      const { report } = await readReport(bytes);
      for (const { address } of session.envelope.rcptTo) await takeReport(deps, await tagOf(address), report);
      return '2.0.0 taken';
    });
  };
};

/** @returns undefined where reports are not taken by SMTP @throws Error where the port is taken */
export const openBounceDoor = async (
  config: BounceDoorOptions,
  deps: BounceDoorDeps,
  certificate: Certificate,
): Promise<BounceDoor | undefined> => {
  if (config.bounces === undefined) return undefined;
  const answer = createAnswer(deps);
  const share = createShare(config, () => door.clients);
  const tagOf = createTagOf(deps);
  const data = createData(deps, tagOf);
  const guesses = createGuesses();
  const off = [...commandsOff({ hasTls: certificate.pair !== undefined, mayLogIn: false }), 'VRFY'];

  const options: SMTPServerOptions = {
    ...doorOptions(config, certificate),
    secure: false,
    disabledCommands: off,
    authOptional: true,
    maxRecipients: MOST_RECIPIENTS,
    onConnect: (session, callback) => answer('connect', session, async () => share.ofNetwork(session), callback),
    onRcptTo: ({ address }, session, callback) =>
      answer(
        'rcpt',
        session,
        () => guesses(session, tagOf(address)),
        (error) => callback(error),
      ),
    onData(stream, session, callback) {
      const late = setTimeout(() => {
        door.clients
          .find((client) => client.session === session)
          ?.dismiss('4.4.2 the message has not come to its end for too long');
      }, MESSAGE_MS);
      answer('data', session, () => data(stream, session).finally(() => clearTimeout(late)), callback);
    },
  };
  const door = new Door(options);
  return {
    port: await listen(door, config.bounces, certificate, deps.log),
    close: (left) => door.shut(left),
  };
};
