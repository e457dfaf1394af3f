// Logs in to a server, by the mechanism that both sides know (RFC 4954).
import { createHmac } from 'node:crypto';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { offeredMechanism } from './oauth-login';
import type { OpenTransport } from './unsealed-transport';

type Handlers = SMTPConnection.CustomAuthenticationHandlers;
type Handler = (talk: Talk) => Promise<void>;
type Talk = SMTPConnection.CustomAuthenticationContext;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What follows the code, of the last line of a reply. */
const textOf = (response: string): string =>
  /^\d{3}(?:[ -](.*))?$/m.exec(response.split(/\r?\n/).at(-1) ?? '')?.[1] ?? '';

/** Says a line and hears the reply; one of several lines or of a bare code is as good. @throws Error for another code */
const say = async (talk: Talk, line: string, code: string): Promise<string> => {
  const { response } = await talk.sendCommand(line);
  if (!response.startsWith(code)) throw new Error('the server refused the login');
  return textOf(response);
};

const cramMd5: Handler = async (talk) => {
  const { user, pass } = talk.auth.credentials;
  const challenge = await say(talk, 'AUTH CRAM-MD5', '334');
  const digest = createHmac('md5', pass).update(Buffer.from(challenge, 'base64')).digest('hex');
  await say(talk, base64(`${user} ${digest}`), '2');
};

const plainLines: Handler = async (talk) => {
  const { user, pass } = talk.auth.credentials;
  await say(talk, 'AUTH LOGIN', '334');
  await say(talk, base64(user), '334');
  await say(talk, base64(pass), '2');
};

/**
 * nodemailer's own CRAM-MD5 (RFC 2195) and LOGIN take a reply for a refusal where it has several lines, or a code without
 * words; RFC 5321 4.2.1 allows both. Its PLAIN (RFC 4616) takes them.
 */
export const LOGIN_HANDLERS: Handlers = { 'CRAM-MD5': cramMd5, LOGIN: plainLines };

/**
 * Logs in where the transport has credentials.
 * @param token where it logs in by one
 * @param ehlo the server's answer to EHLO
 * @throws SmtpError with nodemailer's code `EAUTH` and the server's reply, where there is one
 */
export const login = (
  smtp: SMTPConnection,
  { transport, secrets }: OpenTransport,
  token: string | undefined,
  ehlo: string,
): Promise<void> => {
  const { auth } = transport;
  if (auth === undefined) return Promise.resolve();
  const { password } = secrets;
  const method = token === undefined ? undefined : offeredMechanism(ehlo);
  if (token !== undefined && method === undefined) {
    const text =
      'the server offers no login by OAuth2 (XOAUTH2 or OAUTHBEARER): set auth.pass instead, or ask its operator';
    return Promise.reject(Object.assign(new Error(text), { code: 'EAUTH' }));
  }
  const pass = token ?? password;
  if (pass === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    smtp.login({ user: auth.user, pass, ...(method && { method }) }, (error) => (error ? reject(error) : resolve()));
  });
};
