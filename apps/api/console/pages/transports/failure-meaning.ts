// What a failed try of a transport means and what to do about it, by the step and the words: one plain sentence each.
import type { z } from 'zod';
import type { VerifyResult } from '../../../answers/transports';
import type { WordKey } from '../../words/all-words';

type Result = z.infer<typeof VerifyResult>;
type Phase = NonNullable<Result['phase']>;

/** The first row that fits counts. Words are the server's, the system's, or ours (libs/send/smtp/fault-words.ts). */
const ROWS: readonly (readonly [meaning: WordKey, words: RegExp, phases?: readonly Phase[]])[] = [
  ['means.hostNotAllowed', /is not on the public network/],
  ['means.nameNotFound', /\b(?:ENOTFOUND|EAI_AGAIN|getaddrinfo|EDNS)\b|queryA/i],
  ['means.refused', /ECONNREFUSED/],
  ['means.unreachable', /EHOSTUNREACH|ENETUNREACH/],
  ['means.expired', /certificate has expired/],
  ['means.notYet', /certificate is not valid yet/],
  ['means.otherName', /certificate is not for /],
  ['means.selfSigned', /certificate is self-signed|authority that is not known here/],
  ['means.noTls', /does not speak TLS on port/],
  ['means.tlsVersion', /no version of TLS in common|no cipher in common/],
  ['means.noStartTls', /does not offer STARTTLS/],
  ['means.notSmtp', /is no SMTP server/],
  ['means.greetingTimeout', /no reply within|timed? ?out/i, ['greeting']],
  ['means.timeout', /no reply within|ETIMEDOUT|timed? ?out/i, ['connect', 'tls', 'ehlo', 'auth']],
  ['means.crowded', /^(?:421|4\d\d)\b.*(?:too many|connection)|all connections of the transport/i],
  ['means.tlsFirst', /^(?:530|538|523)\b|must issue a starttls|encryption required/i],
  ['means.appPassword', /application-specific password|^534\b|app password/i],
  ['means.noOAuth', /offers no login by OAuth2/],
  ['means.token', /refused a token|gave no token|is not asked: a token/],
  ['means.loginOff', /SmtpClientAuthentication is disabled|basic auth|5\.7\.139/i, ['auth']],
  ['means.loginLater', /^4\d\d\b/, ['auth']],
  ['means.login', /^5\d\d\b/, ['auth']],
  ['means.noLogin', /./, ['auth']],
  ['means.blocked', /^5\d\d\b/, ['greeting']],
  ['means.later', /^4\d\d\b/],
  ['means.name', /./, ['ehlo']],
  ['means.tls', /./, ['tls']],
  ['means.closed', /closed the connection|ECONNRESET|socket/i],
];

/** @returns the sentence that explains it; undefined for one that went well */
export const meaningOf = ({ ok, reply, phase }: Result): WordKey | undefined => {
  if (ok) return undefined;
  const found = ROWS.find(
    ([, words, phases]) =>
      words.test(reply) && (phases === undefined || (phase !== undefined && phases.includes(phase))),
  );
  return found?.[0] ?? 'means.other';
};
