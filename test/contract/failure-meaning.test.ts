// What the console says a failed try of a transport means: of our own words, of the system's, and of what servers are known to say.
import { meaningOf } from '../../apps/api/console/pages/transports/failure-meaning';
import { faultWords, greetingHint, NO_GREETING, startTlsHint } from '../../libs/send/smtp/fault-words';
import type { Phase } from '../../libs/mail/smtp/phase';

const AT = { host: 'smtp.acme.example', port: 587, security: 'starttls' } as const;

/** As Node and OpenSSL tell it. */
const tls = (code: string, message = code): string => faultWords(Object.assign(new Error(message), { code }), AT);

test.each<[meaning: string, phase: Phase | undefined, reply: string]>([
  ['nameNotFound', 'connect', 'getaddrinfo ENOTFOUND smtp.acme.exmaple'],
  ['nameNotFound', 'connect', 'getaddrinfo EAI_AGAIN smtp.acme.example'],
  ['refused', 'connect', 'connect ECONNREFUSED 192.0.2.1:587'],
  ['unreachable', 'connect', 'connect EHOSTUNREACH 192.0.2.1:587'],
  ['timeout', 'connect', 'no reply within 10 s'],
  ['greetingTimeout', 'greeting', `no reply within 30 s${greetingHint(AT)}`],
  ['notSmtp', 'greeting', NO_GREETING],
  ['hostNotAllowed', 'connect', 'the host 10.0.0.1 is not on the public network: set another host'],
  ['expired', 'tls', tls('CERT_HAS_EXPIRED', 'certificate has expired')],
  ['selfSigned', 'tls', tls('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate')],
  ['selfSigned', 'tls', tls('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate')],
  [
    'otherName',
    'tls',
    tls('ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames: DNS:mx.example"),
  ],
  ['notYet', 'tls', tls('CERT_NOT_YET_VALID')],
  ['tlsVersion', 'tls', tls('ERR_SSL_UNSUPPORTED_PROTOCOL')],
  [
    'noTls',
    'tls',
    faultWords(Object.assign(new Error('wrong version number'), { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }), {
      ...AT,
      security: 'tls',
    }),
  ],
  ['tls', 'tls', tls('ERR_SSL_SOMETHING_ELSE')],
  ['noStartTls', 'tls', `502 5.5.1 not offered (${startTlsHint(false)})`],
  ['tlsFirst', 'auth', '530 5.7.0 Must issue a STARTTLS command first'],
  ['tlsFirst', 'auth', '538 5.7.11 Encryption required for requested authentication mechanism'],
  ['appPassword', 'auth', '534-5.7.9 Application-specific password required'],
  ['loginOff', 'auth', '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant'],
  ['login', 'auth', '535 5.7.8 Error: authentication failed'],
  ['loginLater', 'auth', '454 4.7.0 Temporary authentication failure'],
  ['token', 'auth', 'https://login.example/token refused a token: invalid_client'],
  ['noOAuth', 'auth', 'the server offers no login by OAuth2 (XOAUTH2 or OAUTHBEARER): set auth.pass instead'],
  ['crowded', 'greeting', '421 4.7.0 Too many connections from your address'],
  ['crowded', undefined, 'all connections of the transport were in use all the time: try again'],
  ['blocked', 'greeting', '554 5.7.1 Your address is listed'],
  ['later', 'greeting', '450 4.3.2 try later'],
  ['name', 'ehlo', '550 5.7.1 Helo command rejected'],
  ['closed', 'greeting', 'the server closed the connection'],
  ['other', undefined, 'something that nobody has seen yet'],
])('%s, at %s: %s', (meaning, phase, reply) => {
  expect(meaningOf({ ok: false, ms: 1, reply, ...(phase && { phase }) })).toBe(`means.${meaning}`);
});

test('what went well needs no explanation', () => {
  expect(meaningOf({ ok: true, ms: 1, reply: '250 ok' })).toBeUndefined();
});
