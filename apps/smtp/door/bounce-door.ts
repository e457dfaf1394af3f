// The port that reports come back to: it takes what is for a tagged return path alone, asks nobody for a login, and relays nothing.
import type { SMTPServerDataStream, SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { takeReport, type TakeReportDeps } from '../../../libs/intake/reports/take-report';
import type { MailLog } from '../../../libs/events/mail-log';
import { MOST_READ, readReport } from '../../../libs/mail/reports/read-report';
import { tagsIn } from '../../../libs/mail/reports/return-path';
import type { Log } from '../../../libs/runtime/log';
import type { GoodTag, TagCheck } from '../../../libs/store/reports/tag-keys';
import { createBytesInWork } from '../transaction/bytes-in-work';
import { receiveHead } from '../transaction/receive-head';
import { Refusal } from '../transaction/refusal';
import type { Certificate } from './certificate';
import { commandsOff } from './commands-off';
import { Door, doorOptions, listen, type DoorOptions } from './doors';
import { createAnswer, createShare, watchMessage } from './handlers';

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
/** Who has named no return path that is taken by then is sent away, ms: connections are few, and anybody may open them. */
const ARRIVAL_MS = 60_000;

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
      // Several addresses may lead to one email: whatever stands around the tag is the sender's.
      const emails = new Map<string, GoodTag>();
      for (const { address } of session.envelope.rcptTo) {
        const tag = await tagOf(address);
        emails.set(`${tag.queueName} ${tag.id}`, tag);
      }
      for (const tag of emails.values()) await takeReport(deps, tag, report);
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
  const arrived = new WeakSet<SMTPServerSession>();
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
        (error) => {
          if (!error) arrived.add(session);
          callback(error);
        },
      ),
    onData(stream, session, callback) {
      const stop = watchMessage(stream, session, () => door.clients);
      answer('data', session, () => data(stream, session).finally(stop), callback);
    },
  };
  const door = new Door(options, {
    ms: ARRIVAL_MS,
    isWelcome: (session) => arrived.has(session),
    words: '4.7.0 no return path of an email was named for too long',
  });
  return {
    port: await listen(door, config.bounces, certificate, deps.log),
    close: (left) => door.shut(left),
  };
};
