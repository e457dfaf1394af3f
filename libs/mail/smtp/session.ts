// What a server's words mean for the connection that they were said on: is it used up, or is there one too many?
import type { Reply } from '../email/outcome';
import { OPENING_PHASES, type Phase } from './phase';

type Said = Pick<Reply, 'code' | 'enhancedCode' | 'text'>;

/** Of messages, errors and the like: a session that has had its share, not one session too many. */
const TOO_MUCH_IN_IT =
  /too many(?: [a-z]+){0,3} (?:messages?|e?-?mails?|recipients?|errors?|commands?|logins?|attempts?|transactions?|deliver(?:y|ies))\b|(?:messages?|e?-?mails?|transactions?|deliver(?:y|ies)) (?:[a-z]+ ){0,2}per (?:session|connection)/i;

/**
 * How servers say that there are too many connections. Postfix: "Error: too many connections from 192.0.2.1", "All server
 * ports are busy"; Exim: "Too many concurrent SMTP connections"; sendmail: "Too many open connections.", "Connection rate
 * limit exceeded."; Exchange: "The maximum number of concurrent server connections has exceeded a limit", "Concurrent
 * connections limit exceeded", "sender thread limit exceeded"; Cisco: "Too many connections to this host."; Dovecot:
 * "Maximum number of connections from user+IP exceeded".
 */
const TOO_MANY_CONNECTIONS = new RegExp(
  [
    'too (?:many|much)(?: [a-z]+){0,4} (?:connections?|sessions?|threads?|clients?)\\b',
    '(?:limit|max|maximum)(?: (?:on|number|of|allowed|concurrent|simultaneous|parallel|open|active|smtp|server|client|tls|the|your)){0,6} (?:connections?|sessions?)\\b',
    '(?:connections?|sessions?|threads?|concurrency)(?: [a-z]+){0,2} (?:limit|maximum|exceeded)',
    '(?:concurrent|simultaneous|parallel)(?: [a-z]+){0,2} (?:connections?|sessions?)',
    'all server ports are busy',
  ].join('|'),
  'i',
);

/**
 * Does the server take no further connection at present? A 4yz with the enhanced code 4.3.2 (RFC 3463 3.4: the system takes
 * no messages now), or words to that effect; while a connection is opened a 5yz may have them too. At RCPT only 421 is about
 * more than the recipient.
 */
export const isCrowded = (phase: Phase, { code, enhancedCode, text }: Said): boolean => {
  if (phase === 'rcpt' && code !== 421) return false;
  const forNow = code >= 400 && code < 500;
  if (!forNow && !(OPENING_PHASES.has(phase) && code >= 500 && code < 600)) return false;
  if (forNow && enhancedCode === '4.3.2') return true;
  return TOO_MANY_CONNECTIONS.test(text) && !TOO_MUCH_IN_IT.test(text);
};

/**
 * Is a session that emails were brought to before at its end with this? Servers bound what one session may carry, in messages
 * or in time, and say so by 421 (RFC 5321 3.8) or, at MAIL, DATA or the dot, by some 4yz; a few say 5yz in so many words, or
 * 503 because they have lost the thread. On a fresh connection the same reply means what it says; and so it does at DATA and
 * the dot as long as the session has not taken any message. At RCPT a 4yz other than 421 is about the recipient.
 * @param carried whether a message was taken in it
 */
export const endsSession = (phase: Phase, { code, text }: Said, carried: boolean): boolean => {
  if (code === 421 || code === 503) return true;
  if (phase === 'rcpt') return false;
  if (code >= 400 && code < 500) return carried || phase === 'mail';
  return code >= 500 && code < 600 && /\b(?:session|connection)\b/i.test(text) && TOO_MUCH_IN_IT.test(text);
};

const NAME_COMMAND = '\\b(?:helo|ehlo)\\b(?!@)';
const REFUSED_NAME = new RegExp(
  [
    `${NAME_COMMAND}.*\\b(?:reject|refus|denied|invalid|not (?:allowed|accepted|valid)|must|need|does not|bad|bogus|forged)`,
    `\\b(?:invalid|bad|bogus|forged|malformed|unacceptable)(?: [a-z]+){0,2} ${NAME_COMMAND}`,
  ].join('|'),
  'i',
);

/** Does it refuse the name that was given in EHLO? Many servers say so at RCPT only ("Helo command rejected"). */
export const refusesName = (phase: Phase, { code, text }: Pick<Said, 'code' | 'text'>): boolean => {
  if (code < 400) return false;
  return phase === 'ehlo' || ((phase === 'mail' || phase === 'rcpt') && REFUSED_NAME.test(text));
};
