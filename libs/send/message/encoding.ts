// How parts of a message are encoded for the wire.

/** Longest line of encoded content, and of a header where it can be folded (RFC 2045 6.7, 6.8; RFC 5322 2.1.1). */
export const LINE = 76;

export const withCrlf = (text: string): string => text.replace(/\r\n|\r|\n/g, '\r\n');

/** RFC 2045 6.8. */
export const inBase64 = (bytes: Buffer): string =>
  bytes.toString('base64').replace(/.{76}/g, '$&\r\n').replace(/\r\n$/, '');

/** RFC 5322 3.3, in UTC. @param ms since 1970 */
export const mailDate = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000');
