// What keeps a connection to Redis from being made over TLS, in a sentence that names what to set.
import { codeOf, messageOf } from '../../runtime/fault';

/** Codes are those of Node.js (`tls`) and of OpenSSL; the first that fits. */
const MEANINGS: [trace: RegExp, meaning: string][] = [
  [
    /ALTNAME_INVALID|does not match certificate/i,
    "Redis' certificate is not for the name by which it is asked: name it in REDIS_URL (or have Sentinels and clusters announce it) as its certificate does",
  ],
  [
    /SELF_SIGNED|self.signed|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|unable to (?:verify|get)|signature failure/i,
    "Redis' certificate is of an authority that is not believed here: name a file with that authority's certificate in ROHRPOST_REDIS_CA",
  ],
  [/CERT_HAS_EXPIRED|certificate has expired/i, "Redis' certificate has expired: renew it"],
  [
    /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_HANDSHAKE_FAILURE|certificate required/i,
    'Redis wants a certificate of its clients, which cannot be given here: set tls-auth-clients no (optional) and a password',
  ],
];

/** A Redis that is spoken to over TLS where it speaks none waits for the end of a line, and says nothing. */
const SILENT =
  'nothing answers there, or not over TLS: name the port of its tls-port, or begin REDIS_URL without the second s';

/**
 * What an error of a connection is called in the log: its own words, and behind them what to do where TLS may be the reason.
 * @param url of Redis
 */
export const connectionFault = (error: Error, url: string): string => {
  if (!url.startsWith('rediss')) return messageOf(error);
  const last = (error as { lastNodeError?: Error }).lastNodeError;
  const message = last === undefined ? messageOf(error) : `${messageOf(error)} ${messageOf(last)}`;
  const trace = [codeOf(error), codeOf(last), message].map(String).join(' ');
  const meaning =
    MEANINGS.find(([known]) => known.test(trace))?.[1] ?? (trace.includes('ETIMEDOUT') ? SILENT : undefined);
  return meaning === undefined ? message : `${message} (${meaning})`;
};
