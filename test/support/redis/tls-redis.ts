// A Redis that is spoken to over TLS, by the certificate of the tests (support/smtp/tls): it is of localhost and 127.0.0.1.
import { join } from 'node:path';
import { freePort } from '../../../dev/ports';

const file = (name: string): string => join(__dirname, '../smtp/tls', name);

/** Files in PEM. */
export const TLS_FILES = {
  ca: file('ca.crt'),
  /** An authority of its own, which signed nothing of Redis'. */
  otherCa: file('self-signed.crt'),
  certificate: file('server.crt'),
  key: file('server.key'),
};

/** Lines of a configuration by which a Redis, a Sentinel or a node listens over TLS as well. */
export const tlsLines = (port: number): string[] => [
  `tls-port ${port}`,
  `tls-cert-file ${TLS_FILES.certificate}`,
  `tls-key-file ${TLS_FILES.key}`,
  `tls-ca-cert-file ${TLS_FILES.ca}`,
  'tls-auth-clients no',
];

/** The lines, with a free port. */
export const freeTlsPort = async (): Promise<{ port: number; lines: string[] }> => {
  const port = await freePort();
  return { port, lines: tlsLines(port) };
};
