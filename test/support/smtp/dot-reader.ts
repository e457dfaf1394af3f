// Finds the end of a message in the chunks that it comes in, and undoes the doubling of dots (RFC 5321 4.5.2).

const CRLF = Buffer.from('\r\n');
const END = Buffer.from('\r\n.\r\n');

export interface DotReader {
  /** @returns the message as it was meant and what follows it, or undefined as long as its end is not there */
  push(chunk: Buffer): { raw: Buffer; rest: Buffer } | undefined;
}

/** Every dot at a line's start goes, also a lone one: a client that forgot to double it must not get away with it. */
const unstuff = (bytes: Buffer): Buffer =>
  bytes.includes('\r\n.') ? Buffer.from(bytes.toString('latin1').replaceAll('\r\n.', '\r\n'), 'latin1') : bytes;

/** A reader for one message; each byte is searched once, however many chunks there are. */
export const createDotReader = (): DotReader => {
  // The line end of DATA is part of the search: a message may be empty, or begin with a dot.
  const chunks: Buffer[] = [CRLF];
  let seen = CRLF.length;
  let tail: Buffer = CRLF;
  return {
    push(chunk) {
      chunks.push(chunk);
      const window = Buffer.concat([tail, chunk]);
      const found = window.indexOf(END);
      if (found < 0) {
        seen += chunk.length;
        tail = window.subarray(-(END.length - 1));
        return undefined;
      }
      const bytes = Buffer.concat(chunks);
      const end = seen - tail.length + found + CRLF.length;
      const raw = unstuff(bytes.subarray(0, end)).subarray(CRLF.length);
      return { raw, rest: bytes.subarray(end - CRLF.length + END.length) };
    },
  };
};
