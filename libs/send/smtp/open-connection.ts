// Opens a connection to a server: connected, greeted, encrypted, logged in; what fails says at which step, and in our words.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Encryption } from '../../mail/email/outcome';
import type { Phase } from '../../mail/smtp/reply';
import type { AddressRule } from '../../runtime/addresses';
import type { OpeningError, OpenTransport, SmtpError } from './unsealed-transport';
import { guardAddresses, HostNotAllowed } from './guard-addresses';
import { isGreeting, type Dialogue } from './dialogue';
import { faultWords, greetingHint, isTlsFault, NO_GREETING, startTlsHint } from './fault-words';
import { login, LOGIN_HANDLERS } from './login';
import { oauthHandlers, TokenRefused } from './oauth-login';
import { watchSteps, type StepBounds } from './step-bounds';

/** Time is ours to watch, step by step; nodemailer's own timers would only be in the way. */
const UNBOUNDED_MS = 24 * 3_600_000;
/** RFC 5321 4.5.3.2.6: ten minutes for the reply to the final dot; a shorter one manufactures uncertain emails. */
const SOCKET_MS = 600_000;
/** What a server has after our side has ended to end its own. */
const CLOSE_MS = 1_000;

/** nodemailer's own field; there is none before the name is resolved. */
export const socketOf = (smtp: SMTPConnection): Socket | undefined =>
  (smtp as unknown as { _socket?: Socket | false })._socket || undefined;

/** @returns undefined where nothing is encrypted, or the connection is gone */
export const encryptionOf = (smtp: SMTPConnection): Encryption | undefined => {
  const socket = socketOf(smtp);
  if (!(socket instanceof TLSSocket)) return undefined;
  const version = socket.getProtocol();
  const { fingerprint256: fingerprint } = socket.getPeerCertificate() as { fingerprint256?: string };
  if (version === null || fingerprint === undefined) return undefined;
  return { version, cipher: socket.getCipher().standardName, fingerprint };
};

/**
 * Does the server offer the extension? The list is nodemailer's own field; test/flow/sending/sending.test.ts holds it to that.
 */
export const offers = (smtp: SMTPConnection, extension: 'SMTPUTF8' | '8BITMIME' | 'DSN' | 'REQUIRETLS'): boolean => {
  const { _supportedExtensions: extensions } = smtp as unknown as { _supportedExtensions?: string[] };
  return extensions?.includes(extension) ?? false;
};

const optionsOf = ({ transport }: OpenTransport, { logger }: Dialogue, name: string) => ({
  host: transport.host,
  port: transport.port,
  secure: transport.security === 'tls',
  requireTLS: transport.security === 'starttls',
  ignoreTLS: transport.security === 'none',
  name,
  tls: {
    minVersion: transport.tls?.minVersion ?? ('TLSv1.2' as const),
    ...(transport.tls?.ca !== undefined && { ca: transport.tls.ca }),
    ...(transport.tls?.servername !== undefined && { servername: transport.tls.servername }),
    rejectUnauthorized: true,
  },
  customAuth: { ...LOGIN_HANDLERS, ...oauthHandlers(transport) },
  connectionTimeout: UNBOUNDED_MS,
  greetingTimeout: UNBOUNDED_MS,
  socketTimeout: SOCKET_MS,
  socketCloseTimeout: CLOSE_MS,
  transactionLog: true,
  logger,
});

/** Before the greeting only the fault itself tells whether TLS was the cause; a login may fail without being tried. */
const phaseOf = (error: SmtpError, step: Phase): Phase => {
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH') return 'auth';
  return step === 'connect' && isTlsFault(error) ? 'tls' : step;
};

/** The last answer: that under TLS, where it was asked twice. */
const ehloOf = ({ answers }: Dialogue): string => answers.findLast(({ step }) => step === 'ehlo')?.text ?? '';

const toOpeningError = (error: SmtpError, dialogue: Dialogue, { transport }: OpenTransport): OpeningError => {
  const phase = phaseOf(error, dialogue.step);
  if (error instanceof HostNotAllowed)
    return Object.assign(error, {
      phase,
      words: error.message,
      notBefore: { ms: 0, blame: 'transport' as const },
    });
  // What speaks something else than SMTP is not a server that the tenant may read.
  if (phase === 'greeting' && error.response && !isGreeting(error.response))
    return Object.assign(new Error(NO_GREETING), { phase, words: NO_GREETING });
  if (error.code === 'EREQUIRETLS') return Object.assign(error, { phase: 'ehlo' as const, words: error.message });
  const words = faultWords(error, transport) + (phase === 'greeting' && !error.response ? greetingHint(transport) : '');
  const ehlo = ehloOf(dialogue);
  const refusedTls = phase === 'tls' && error.command === 'STARTTLS' && error.response !== undefined;
  const reason = error instanceof TokenRefused ? error.reason : undefined;
  const hint = refusedTls ? startTlsHint(/[ -]STARTTLS\b/im.test(ehlo)) : reason;
  return Object.assign(error, { phase, words, ...(hint && { hint }) });
};

/** A server that cannot promise it for one email cannot for the others: it is the transport's fault, and not the email's. */
const lacksRequireTls = (smtp: SMTPConnection, { transport }: OpenTransport): string | undefined => {
  if (transport.tls?.requireTls !== true) return undefined;
  if (transport.security === 'none')
    return 'the transport asks for REQUIRETLS, which needs TLS: set security to starttls or tls';
  if (offers(smtp, 'REQUIRETLS')) return undefined;
  return 'the server does not offer REQUIRETLS (RFC 8689), which the transport asks for: nothing is sent. Take tls.requireTls out, or use another server';
};

/**
 * @param name given in EHLO (RFC 5321 4.1.1.1)
 * @param bounds ms for each step
 * @param token to log in with, where the transport logs in by one
 * @param mayReach which addresses an administrator's host may stand for
 * @param begun hears of the connection before it is begun with
 * @throws OpeningError; the connection is being closed then
 */
export const openConnection = (
  transport: OpenTransport,
  dialogue: Dialogue,
  {
    name,
    bounds,
    signal,
    token,
    mayReach,
    begun,
  }: {
    name: string;
    bounds: StepBounds;
    mayReach: AddressRule;
    signal: AbortSignal | undefined;
    token: string | undefined;
    begun: (smtp: SMTPConnection) => void;
  },
): Promise<SMTPConnection> =>
  new Promise((resolve, reject) => {
    const smtp = new SMTPConnection(optionsOf(transport, dialogue, name));
    begun(smtp);
    const stopWatching = watchSteps(dialogue, bounds, (step, ms) => {
      // Where TLS begins at once, it belongs to connecting for nodemailer, and has its own time here.
      if (step === 'connect' && socketOf(smtp)?.connecting === false) return dialogue.handshake();
      fail(Object.assign(new Error(`no reply within ${ms / 1_000} s`), { code: 'ETIMEDOUT' }));
    });
    const fail = (error: Error): void => {
      stopWatching();
      signal?.removeEventListener('abort', giveUp);
      smtp.close();
      reject(toOpeningError(error, dialogue, transport));
    };
    const giveUp = (): void => fail(new Error('given up while connecting'));
    if (signal?.aborted) return giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    smtp.once('error', fail);
    if (transport.transport.hostBy === 'admin') guardAddresses(smtp, transport.transport.host, mayReach, fail);
    // The reason for an end is told after it: only where there is none, the end itself is the fault.
    const ended = Object.assign(new Error('the server closed the connection'), { code: 'ECONNECTION' });
    smtp.once('end', () => setImmediate(fail, ended));
    const ready = (): void => {
      stopWatching();
      signal?.removeEventListener('abort', giveUp);
      smtp.removeAllListeners('end');
      smtp.off('error', fail);
      const lacks = lacksRequireTls(smtp, transport);
      if (lacks !== undefined) return fail(Object.assign(new Error(lacks), { code: 'EREQUIRETLS' }));
      // From here on a fault reaches whoever uses the connection; an idle one is let go by its own listener.
      smtp.on('error', () => undefined);
      resolve(smtp);
    };
    smtp.connect((error) =>
      error ? fail(error) : void login(smtp, transport, token, ehloOf(dialogue)).then(ready, fail),
    );
  });
