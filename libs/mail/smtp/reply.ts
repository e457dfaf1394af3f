// What an SMTP server's words mean for an email: refused or for now, and whose fault it is.
import type { Reply } from '../email/outcome';
import type { Phase } from './phase';
import { refusesName } from './session';

export { PHASES, type Phase } from './phase';

/** Whose fault it is: that of this recipient, of this email, or of the transport (then others suffer too). */
export type Blame = 'recipient' | 'email' | 'transport';

export interface Verdict {
  outcome: 'deferred' | 'refused' | 'uncertain';
  blame: Blame;
}

/** Phases that are about the server and the login, before anything is said of an email. */
const OF_TRANSPORT: ReadonlySet<Phase> = new Set(['connect', 'greeting', 'ehlo', 'tls', 'auth']);

/** Enhanced codes of a 552 that do not contradict "too many recipients": none, and RFC 3463 3.6. */
const MAY_BE_TOO_MANY: ReadonlySet<string> = new Set(['', '5.5.3']);

/**
 * The verdict on a reply. Rows, in the order in which they are tried:
 * - any reply before MAIL, good or bad codes: the transport's (a wrong password is no reason to fail ten thousand
 *   emails); always for now. So is the refusal of the name given in EHLO, which many servers put off until RCPT.
 * - 421 anywhere (RFC 5321 3.8: the service closes) and 530/535 (RFC 4954 6: authentication): the transport's, for now.
 * - 454 and 4.7.x up to MAIL: throttling by policy, the transport's; at RCPT it is greylisting (RFC 6647), the
 *   recipient's.
 * - 503 bad sequence: our dialogue is broken, not the email; for now.
 * - 552 at RCPT among several recipients means "too many of them" (RFC 5321 4.5.3.1.10: to be taken as 452): that
 *   recipient, later; unless its enhanced code names something else, as 5.2.2 (mailbox full) does.
 * - other 5yz: refused for good (RFC 5321 4.2.1); at RCPT for that recipient, else for the email.
 * - other 4yz: for now; no valid code at all after the dot: nobody knows.
 * @param recipients how many the envelope named
 */
export const judgeReply = (
  phase: Phase,
  reply: Pick<Reply, 'code' | 'enhancedCode'> & { text?: string },
  recipients = 1,
): Verdict => {
  const { code, enhancedCode = '', text = '' } = reply;
  if (OF_TRANSPORT.has(phase) || refusesName(phase, { code, text })) return { outcome: 'deferred', blame: 'transport' };
  if (code === 421 || code === 530 || code === 535) return { outcome: 'deferred', blame: 'transport' };
  if (phase === 'mail' && (code === 454 || enhancedCode.startsWith('4.7.')))
    return { outcome: 'deferred', blame: 'transport' };
  const blame: Blame = phase === 'rcpt' ? 'recipient' : 'email';
  if (code === 503) return { outcome: 'deferred', blame: 'transport' };
  if (phase === 'rcpt' && code === 552 && recipients > 1 && MAY_BE_TOO_MANY.has(enhancedCode))
    return { outcome: 'deferred', blame };
  if (code >= 500 && code < 600) return { outcome: 'refused', blame };
  if (code >= 400 && code < 500) return { outcome: 'deferred', blame };
  return phase === 'dot' ? { outcome: 'uncertain', blame: 'transport' } : { outcome: 'deferred', blame: 'transport' };
};

/**
 * The verdict on a fault without a reply: connection lost, refused, timed out, TLS failed. Before the final dot the
 * server cannot have taken the message (RFC 5321 4.1.1.4), so it is safe to repeat; after it nobody knows (RFC 1047).
 */
export const judgeFault = (phase: Phase): Verdict => ({
  outcome: phase === 'dot' ? 'uncertain' : 'deferred',
  blame: 'transport',
});

/** Reads a reply's text: `550 5.1.1 no such user`, also of several lines. */
export const readReply = (response: string, recipient?: string): Reply => {
  const lines = response.split(/\r?\n/).map((line) => line.replace(/^\d{3}[ -]?/, ''));
  const [, enhancedCode] = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response) ?? [];
  return {
    ...(recipient !== undefined && { recipient }),
    code: Number(/^\d{3}/.exec(response)?.[0] ?? 0),
    ...(enhancedCode !== undefined && { enhancedCode }),
    text: lines.join(' ').slice(0, 500),
  };
};

const WISH =
  /(?:try|retry|again|wait|come back|delay(?:ed)?|in|after|for)\D{0,30}?(\d{1,5})\s*(second|sec|minute|min|hour|s\b|m\b|h\b)/i;
const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** The server's wish when to come back ("try again in 300 seconds"), ms. */
export const wishOf = (text: string): number | undefined => {
  const [, count, unit] = WISH.exec(text) ?? [];
  const size = UNIT_MS[unit?.charAt(0).toLowerCase() ?? ''];
  return count === undefined || size === undefined ? undefined : Number(count) * size;
};
