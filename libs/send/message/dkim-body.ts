// The hash of a message's body that a DKIM signature holds, in the form that relays leave as it is.
import { createHash } from 'node:crypto';

const [CR, LF, SPACE, TAB] = [0x0d, 0x0a, 0x20, 0x09];
const CRLF = Buffer.from('\r\n');
const BLANK_LINES = Buffer.alloc(8_192, CRLF);

export interface BodyHash {
  /** Takes the next bytes of the body, in any pieces; its line ends are CRLF. */
  update(bytes: Buffer): void;
  /** @returns SHA-256 in base64 */
  digest(): string;
}

/** `relaxed` of RFC 6376 3.4.4: white space within lines counts as one space, none at their ends, no blank lines at the end. */
export const createBodyHash = (): BodyHash => {
  const hash = createHash('sha256');
  /** Lines without text since the last one that has some: they count where text follows. */
  let blank = 0;
  let inText = false;
  let space = false;

  const writeBlankLines = (): void => {
    while (blank > 0) {
      const lines = Math.min(blank, BLANK_LINES.length / 2);
      hash.update(BLANK_LINES.subarray(0, 2 * lines));
      blank -= lines;
    }
  };

  return {
    update(bytes) {
      // A space, and a line end of which this has the second byte, may be from before.
      const out = Buffer.allocUnsafe(bytes.length + 2);
      let end = 0;
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at] ?? 0;
        if (byte === CR) continue;
        if (byte === SPACE || byte === TAB) space = true;
        else if (byte === LF) {
          if (inText) {
            out[end++] = CR;
            out[end++] = LF;
          } else blank++;
          inText = space = false;
        } else {
          if (blank > 0) {
            hash.update(out.subarray(0, end));
            end = 0;
            writeBlankLines();
          }
          if (space) out[end++] = SPACE;
          out[end++] = byte;
          inText = true;
          space = false;
        }
      }
      hash.update(out.subarray(0, end));
    },
    digest() {
      if (inText) hash.update(CRLF);
      return hash.digest('base64');
    },
  };
};
