// What a connection's fault means and what to do about it, in our words: TLS libraries speak to their programmers.
import type { StoredTransport } from '../../mail/settings/transport';
import type { SmtpError } from './unsealed-transport';

type Facts = Pick<StoredTransport, 'host' | 'port' | 'security' | 'tls'>;

/** nodemailer puts a code of its own over that of Node or OpenSSL. */
const traceOf = (error: SmtpError & { originalCode?: string }): string =>
  `${error.originalCode ?? ''} ${error.code ?? ''} ${error.message}`;

const speaksNoTls = ({ security, port }: Facts): string =>
  security === 'tls'
    ? `the server does not speak TLS on port ${port}: set security to starttls or none, or another port`
    : 'the server said that it begins TLS, and then spoke something else: its operator must mend that, or set another port';

const otherNames = ({ host, tls }: Facts, trace: string): string => {
  const [, names = ''] = /.*altnames: (.+)$/s.exec(trace) ?? [];
  const own = names.replace(/\b(?:DNS|IP Address):/g, '').slice(0, 300);
  const listed = own === '' ? '' : ` (it is for ${own})`;
  return `the server's certificate is not for ${tls?.servername ?? host}${listed}: set host or tls.servername to a name that it is for`;
};

/** In the order in which they are tried: the first that fits. */
const MEANINGS: [trace: RegExp, meaning: (facts: Facts, trace: string) => string][] = [
  [
    /CERT_HAS_EXPIRED|certificate has expired/i,
    () => "the server's certificate has expired: its operator must renew it",
  ],
  [
    /CERT_NOT_YET_VALID|not yet valid/i,
    () => "the server's certificate is not valid yet: check the clocks of this machine and of the server",
  ],
  [/CERT_REVOKED|certificate revoked/i, () => "the server's certificate was revoked: its operator must replace it"],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH|does not match certificate/i, otherNames],
  [
    /SELF_SIGNED|self.signed/i,
    () =>
      "the server's certificate is self-signed, or of an authority of its own: give that certificate, or its authority's, as tls.ca",
  ],
  [
    /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|unable to (?:verify|get)/i,
    () =>
      "the server's certificate is of an authority that is not known here, or comes without its intermediate ones: give the authority as tls.ca, or let the server send the whole chain",
  ],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS|VERSION_TOO_LOW|INAPPROPRIATE_FALLBACK/i,
    ({ tls }) =>
      `the server and we have no version of TLS in common; here it is at least ${tls?.minVersion ?? 'TLSv1.2'}: the server must offer that`,
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE|BAD_RECORD_TYPE/i, speaksNoTls],
  [
    /KEY_TOO_SMALL|MD_TOO_WEAK|BAD_DH|DH_KEY|BAD_ECPOINT/i,
    () => "the server's key or certificate is too weak for today: its operator must replace it by a stronger one",
  ],
  [
    /HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_CIPHERS|INSUFFICIENT_SECURITY|NO_SHARED_GROUP/i,
    () => 'the server and we have no cipher in common: it must offer one of TLS 1.2 with ECDHE, or TLS 1.3',
  ],
  [
    /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_ACCESS_DENIED/i,
    () => 'the server wants a certificate of ours, which a transport cannot have: log in by auth instead',
  ],
  [
    /before secure TLS connection|Connection closed unexpectedly.*ETLS|ETLS.*(?:closed|timed out)/i,
    () =>
      'the server ended the connection while TLS was agreed on: is this port one for TLS, and does the server let us in?',
  ],
  [
    /certificate/i,
    () => "the server's certificate cannot be accepted: it must be valid, for this host, and known by tls.ca",
  ],
];

const OF_TLS = /certificate|self.signed|\bSSL\b|_SSL_|\bE?TLS\b|_TLS_|EPROTO\b|CERT_|UNABLE_TO_|asn1|\bPEM\b/i;

/** Did TLS, or what it demands, fail? */
export const isTlsFault = (error: SmtpError): boolean => OF_TLS.test(traceOf(error));

/** A fault without a reply of the server, for people. Faults of the network keep the system's words: they say host and port. */
export const faultWords = (error: SmtpError, facts: Facts): string => {
  if (!isTlsFault(error)) return error.message;
  const trace = traceOf(error);
  const [, meaning] = MEANINGS.find(([known]) => known.test(trace)) ?? [];
  if (meaning !== undefined) return meaning(facts, trace);
  return `TLS with ${facts.host}:${facts.port} failed: check security and port, and what the server offers (openssl s_client -connect ${facts.host}:${facts.port}${facts.security === 'starttls' ? ' -starttls smtp' : ''})`;
};

/** The server answered, and refused STARTTLS. @param offered whether its EHLO had named it */
export const startTlsHint = (offered: boolean): string =>
  offered
    ? 'the server offers STARTTLS and refuses it now: its operator must look at its certificate and key'
    : 'the server does not offer STARTTLS: set security to tls where the port is one for TLS at once (465), or to none';

/** A greeting that does not come may wait for us to begin TLS. */
export const greetingHint = ({ security, port }: Facts): string =>
  security === 'tls' ? '' : `; where port ${port} is one for TLS at once, as 465 is, set security to tls`;

/** What answered speaks another protocol; its words are not shown. */
export const NO_GREETING =
  'what answers there is no SMTP server: it did not begin with 220 (RFC 5321 3.1), check host and port of the transport';

/** @param name as given in EHLO */
export const nameHint = (name: string): string =>
  `the server may not take the name ${name} that was given in EHLO: set name of the transport, or ROHRPOST_NAME for all, to a name that the DNS knows for this machine`;
