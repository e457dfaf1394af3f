// What went wrong with a mailbox, in words for a person: what happened, and what to do.
import type { StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import { NoToken } from '../../../libs/oauth/token-endpoint';
import { codeOf, messageOf } from '../../../libs/runtime/fault';
import { faultWords, isTlsFault } from '../../../libs/send/smtp/fault-words';
import { HostNotAllowed } from '../../../libs/send/smtp/guard-addresses';
import { SecretKeyMissing } from '../../../libs/store/redis/secret-box';

/** A mailbox that could not be read. */
export class MailboxFault extends Error {
  override name = 'MailboxFault';
  /**
   * @param words for a person
   * @param patience how much longer than usual one waits before the next visit: who refuses a login counts failures, and locks
   */
  constructor(
    words: string,
    readonly patience: 'usual' | 'long' = 'usual',
  ) {
    super(words);
  }
}

/** What the library throws, as far as we read it. */
interface ImapError extends Error {
  authenticationFailed?: boolean;
  /** The server's words, where it refused a command. */
  response?: unknown;
  responseText?: string;
  responseStatus?: string;
  mailboxMissing?: boolean;
  oauthError?: unknown;
}

/** A secret as a server may repeat it: as it is, and in Base64 alone or within an answer of SASL, whose other parts shift it. */
const formsOf = (secret: string): string[] => {
  const bytes = Buffer.from(secret);
  const shifted = [0, 1, 2].map((by) => {
    const text = Buffer.concat([Buffer.alloc(by), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // Digits at both ends hold bits of what stands beside it.
    const last = (bytes.length + by) % 3 === 0 ? text.length : text.length - 1;
    return text.slice(by === 0 ? 0 : by + 1, last);
  });
  return [secret, bytes.toString('base64'), ...shifted.filter(({ length }) => length >= 4)].filter(
    (form) => form !== '',
  );
};

const withoutSecrets = (text: string, secrets: readonly string[]): string =>
  secrets
    .flatMap(formsOf)
    .sort((a, b) => b.length - a.length)
    .reduce((left, form) => left.replaceAll(form, '***'), text);

/** Words of a server that was logged in to, or refused to let us in; a few are enough. */
const said = ({ response, responseText }: ImapError, secrets: readonly string[]): string => {
  // Without the number that we gave the command.
  const text = typeof response === 'string' ? response.replace(/^\S+ (?:NO|BAD) /, '') : (responseText ?? '');
  return text === '' ? '' : `: ${withoutSecrets(text, secrets).replace(/\s+/g, ' ').slice(0, 300)}`;
};

/** Why a token was not taken, as RFC 7628 3.2.2 has the server say it. */
const tokenReason = ({ oauthError }: ImapError, secrets: readonly string[]): string => {
  const { status } = (oauthError ?? {}) as { status?: unknown };
  const isSaid = typeof status === 'string' || typeof status === 'number';
  return isSaid ? ` (status ${withoutSecrets(String(status), secrets).slice(0, 50)})` : '';
};

const TOO_LARGE = /^(?:LineTooLarge|LiteralTooLarge|ResponseTooLarge|TooManyTokens|TooManyResponses)$/;
const TIMEOUT = /^(?:CONNECT_TIMEOUT|GREETING_TIMEOUT|UPGRADE_TIMEOUT|ETIMEOUT|ETIMEDOUT)$/;
const CLOSED = /^(?:NoConnection|EConnectionClosed|ClosedAfterConnect(?:Text|TLS)|StateLogout|ECONNRESET|EPIPE)$/;
const SYSTEM = /^(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EACCES)$/;

/** The server sends without end, or what nobody asked for. */
export const tooMuch = ({ host, port }: StoredMailbox): MailboxFault =>
  new MailboxFault(`${host}:${port} sent more than was asked for: it was not read any further`);

/**
 * @param mailbox where it happened
 * @param secrets what one logged in with: servers repeat it
 */
export const mailboxFault = (
  thrown: unknown,
  mailbox: StoredMailbox,
  secrets: readonly string[] = [],
): MailboxFault => {
  if (thrown instanceof MailboxFault) return thrown;
  if (thrown instanceof NoToken)
    return new MailboxFault(messageOf(thrown), thrown.kind === 'refused' ? 'long' : 'usual');
  if (thrown instanceof HostNotAllowed) return new MailboxFault(thrown.message);
  if (thrown instanceof SecretKeyMissing) return new MailboxFault(messageOf(thrown));
  const error = thrown as ImapError;
  const where = `${mailbox.host}:${mailbox.port}`;
  const code = codeOf(error) ?? '';
  if (error.authenticationFailed === true)
    return new MailboxFault(
      `${where} refused the login${said(error, secrets)}${tokenReason(error, secrets)}: correct user, password or OAuth2 of the mailbox, and look whether IMAP is allowed for it`,
      'long',
    );
  if (/Unsupported authentication mechanism/.test(messageOf(error)))
    return new MailboxFault(`${where} offers no login of this kind: choose password or OAuth2 as it does`, 'long');
  if (error.mailboxMissing === true)
    return new MailboxFault(`there is no folder ${mailbox.folder} in the mailbox: make it, or name another one`);
  if (error.responseStatus === 'NO' || error.responseStatus === 'BAD')
    return new MailboxFault(`${where} refused a command${said(error, secrets)}`);
  if (/STARTTLS/i.test(messageOf(error)))
    return new MailboxFault(`${where} does not offer STARTTLS: set security to tls (usually port 993), or to none`);
  const ofTls = { name: error.name, message: messageOf(error), code };
  if (isTlsFault(ofTls))
    return new MailboxFault(faultWords(ofTls, mailbox).replace('-starttls smtp', '-starttls imap'));
  if (TOO_LARGE.test(code)) return tooMuch(mailbox);
  if (TIMEOUT.test(code)) return new MailboxFault(`${where} did not answer in time`);
  if (CLOSED.test(code)) return new MailboxFault(`${where} closed the connection`);
  // Those of the system say what happened; whatever else answers there may be no IMAP server, and is not quoted.
  if (SYSTEM.test(code)) return new MailboxFault(messageOf(error));
  return new MailboxFault(`${where} does not speak IMAP as it should: check host, port and security of the mailbox`);
};
