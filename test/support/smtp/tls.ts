// A certificate of localhost and the authority that signed it; made for these tests, trusted by nobody else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (name: string): string => readFileSync(join(__dirname, 'tls', name), 'utf8');

export const testCa = read('ca.crt');
export const serverKey = read('server.key');
export const serverCertificate = read('server.crt');
/** Signed by themselves, with the same key: one is over, one is not. */
export const expiredCertificate = read('expired.crt');
export const selfSignedCertificate = read('self-signed.crt');
