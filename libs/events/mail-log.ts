// The mail log: what became of an email, in both processes, one maker per event, so that no line is worded elsewhere.
import type { Encryption, Reply } from '../mail/email/outcome';
import { literal } from '../mail/input/literal';
import type { QueueAddress } from '../mail/address/queue-address';
import { queueIdOf } from '../mail/smtp/queue-id';
import type { Log } from '../runtime/log';

/** The email that a line is about. */
export interface AboutEmail {
  id: string;
  address: QueueAddress;
}

/** How an attempt ended, or the email with it. */
export interface AttemptEnd {
  attempt: number;
  transport: string;
  /** Of the attempt. */
  outcome: string;
  /** Of the email, after it. */
  state: string;
  /** Of the failure. */
  code?: string | undefined;
  /** Why it was not sent. */
  text?: string | undefined;
  replies: readonly Reply[];
  /** How its connection was encrypted. */
  tls?: Encryption | undefined;
  /** ms since 1970 */
  nextAt?: number | undefined;
}

/** A request that was refused. */
export interface RefusedRequest {
  requestId: string;
  method: string;
  path: string;
  status: number;
  /** Of the problem document. */
  code?: string | undefined;
  tenant?: string | undefined;
  application?: string | undefined;
  /** Who asked, as in the history of emails. */
  by?: string | undefined;
  ms: number;
}

/** A command by SMTP that was refused. */
export interface RefusedCommand {
  /** Of the connection. */
  session: string;
  /** The address that it comes from. */
  remote: string;
  /** `connect`, `login`, `mail`, `rcpt` or `data`. */
  step: string;
  reply: number;
  /** With its enhanced status. */
  text: string;
  /** Of the problem that it comes from. */
  code?: string | undefined;
  tenant?: string | undefined;
  application?: string | undefined;
  by?: string | undefined;
}

export interface MailLog {
  /** Redis has it. */
  accepted(email: AboutEmail, how: { by?: string | undefined; state: string; resentFrom?: string | undefined }): void;
  /** It was asked for again with its idempotency key. */
  acceptedBefore(email: AboutEmail, how: { by?: string | undefined }): void;
  /** Somebody changed it: `what` is a word of its history, such as `corrected` or `released`. */
  changed(email: AboutEmail, how: { by: string; what: string; fields?: readonly string[] }): void;
  /** An attempt ended. */
  attempted(email: AboutEmail, end: AttemptEnd): void;
  /** The worker that had it in an attempt is gone: it is in its queue again. */
  recovered(email: AboutEmail): void;
  /** It was sent or erased before, and a late repetition of its add has brought it back: it is removed once more. */
  removedAgain(email: AboutEmail): void;
  /** A report on it came back after it was sent. */
  reported(
    email: AboutEmail,
    how: { report: string; recipients: readonly { kind: string; status?: string }[]; suppressed: number },
  ): void;
  /** Of a batch, while others were accepted or not. `codes`: of their problems, one a line. */
  linesRefused(address: QueueAddress, how: { by?: string | undefined; of: number; codes: readonly string[] }): void;
  refused(request: RefusedRequest): void;
  /** @param request `keyId`: where it looks like one of ours; `remote`: the address that asked */
  wrongKey(request: RefusedRequest & { keyId?: string | undefined; remote?: string | undefined }): void;
  refusedBySmtp(command: RefusedCommand): void;
}

/** Words of others may be long. */
const MOST_CHARACTERS = 500;
const MOST_REPLIES = 5;
/** Failures whose text may quote data of the email: it stays out of the log. */
const TEXT_LEFT_OUT: ReadonlySet<string> = new Set(['template-failed', 'data-invalid']);

/** An address in somebody else's words, whatever stands around it; `%40` in a path. */
const ADDRESS = /(?:"[^"]{1,64}"|[^\s<>()"',;:[\]/?&=]{1,256})(?:@|%40)[^\s<>()"',;:[\]/?&]{1,255}/gi;

/**
 * Somebody else's words without addresses: those live with the email and go when it goes.
 * @param recipients whose local parts are taken out as well: servers say "ann: user unknown"
 */
export const withoutAddresses = (text: string, recipients: readonly string[] = []): string => {
  const said = text.slice(0, 2 * MOST_CHARACTERS);
  // Most words name nobody: looked for first, since this is asked of every reply.
  const plain = said.includes('@') || said.includes('%40') ? said.replace(ADDRESS, '(address)') : said;
  const lower = recipients.length === 0 ? '' : plain.toLowerCase();
  const locals = recipients.map((one) => one.slice(0, one.lastIndexOf('@')));
  const named = locals.filter((local) => local !== '' && lower.includes(local.toLowerCase()));
  const masked = [...new Set(named)].reduce(
    (words, local) => words.replace(new RegExp(`(?<![\\w.-])${literal(local)}(?![\\w-])`, 'gi'), '(address)'),
    plain,
  );
  return masked.slice(0, MOST_CHARACTERS);
};

const addressesIn = (replies: readonly Reply[]): string[] =>
  replies.flatMap(({ recipient }) => (recipient === undefined ? [] : [recipient]));

/** Each once: a hundred recipients are refused in the same words. */
const wordsOf = (replies: readonly Reply[]): string[] => {
  const said = replies
    .filter(({ code }) => code !== 0)
    .map(({ code, text, recipient }) =>
      withoutAddresses(`${code} ${text}`, recipient === undefined ? [] : [recipient]),
    );
  return [...new Set(said)].slice(0, MOST_REPLIES);
};

const about = ({ id, address }: AboutEmail) => ({
  email: id,
  tenant: address.tenant,
  application: address.application,
});

/** Fields that are not there take no room. */
const given = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const attemptLine = ({ attempt, outcome, state, transport, code, text, replies, tls, nextAt }: AttemptEnd) => {
  const words = wordsOf(replies);
  const taken = replies.find((reply) => reply.recipient === undefined && reply.code >= 200 && reply.code < 300);
  const silent = code !== undefined && TEXT_LEFT_OUT.has(code);
  return given({
    attempt,
    outcome,
    state,
    transport,
    code,
    why: text === undefined || silent ? undefined : withoutAddresses(text, addressesIn(replies)),
    replies: words.length === 0 ? undefined : words,
    queueId: taken && queueIdOf(taken.text),
    tls: tls && `${tls.version} ${tls.cipher} ${tls.fingerprint}`,
    next: nextAt === undefined ? undefined : new Date(nextAt).toISOString(),
  });
};

export const createMailLog = (log: Log): MailLog => {
  // Made of fields that cannot hold secrets: striking them out would cost more than the line.
  const lines = log.child({}, { redact: [] });
  return {
    accepted: (email, { by, state, resentFrom }) =>
      lines.info({ ...about(email), by, state, ...(resentFrom && { resentFrom }) }, 'accepted'),
    acceptedBefore: (email, { by }) => lines.info({ ...about(email), by }, 'asked for again: accepted before'),
    changed: (email, { by, what, fields }) => lines.info({ ...about(email), by, ...(fields && { fields }) }, what),
    attempted(email, end) {
      const { state } = end;
      if (state === 'queued' && !lines.isLevelEnabled('debug')) return;
      const line = { ...about(email), ...attemptLine(end) };
      if (state === 'sent') lines.info(line, 'sent');
      else if (state === 'queued') lines.debug(line, 'put back');
      else lines.warn(line, state === 'deferred' ? 'deferred' : 'ended unsent');
    },
    recovered: (email) => lines.warn(about(email), 'put back: its worker is gone'),
    removedAgain: (email) => lines.info(about(email), 'removed again: it was sent or erased before'),
    reported: (email, { report, recipients, suppressed }) =>
      lines.info(
        {
          ...about(email),
          report,
          recipients: [...new Set(recipients.map(({ kind, status }) => [kind, status].join(' ').trim()))].slice(
            0,
            MOST_REPLIES,
          ),
          suppressed,
        },
        'reported on',
      ),
    linesRefused: ({ tenant, application }, { by, of, codes }) =>
      lines.info(
        { tenant, application, by, of, refused: codes.length, codes: [...new Set(codes)] },
        'emails of a batch refused',
      ),
    refused: (request) => lines.info(given({ ...request, path: withoutAddresses(request.path) }), 'request refused'),
    refusedBySmtp: (command) =>
      lines.info(given({ ...command, text: withoutAddresses(command.text) }), 'refused by SMTP'),
    wrongKey: (request) => lines.info(given({ ...request, path: withoutAddresses(request.path) }), 'wrong key'),
  };
};
