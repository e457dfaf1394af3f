// Encodes a large body a slice at a time, so that the process does other work in between.
import { setImmediate as breathe } from 'node:timers/promises';
import { encode, wrap } from 'nodemailer/lib/qp';
import { inBase64, LINE, withCrlf } from './encoding';

/** A body as it travels. */
export interface EncodedBody {
  encoding: 'quoted-printable' | 'base64';
  slices: Buffer[];
}

/** Characters of a slice, roughly: a few milliseconds of work. */
const SLICE = 64 * 1_024;
/** Bytes of lines of base64, whole ones. */
const BASE64_SLICE = 57 * 1_024;

/** Where a slice that begins at `from` ends: behind a line end where there is one, else between two characters. */
const endOf = (text: string, from: number): number => {
  if (from + SLICE >= text.length) return text.length;
  const lineEnd = text.lastIndexOf('\n', from + SLICE - 1);
  if (lineEnd >= from) return lineEnd + 1;
  const end = from + SLICE;
  // Half a line end, or half of a character beyond 16 bits.
  return /[\r\ud800-\udbff]/.test(text.charAt(end - 1)) ? end - 1 : end;
};

const slicesOf = function* (text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = endOf(text, from);
    yield text.slice(from, end);
    from = end;
  }
};

/** In quoted-printable what is beyond ASCII takes three times its bytes, in base64 all takes a third more. */
const isMostlyAscii = async (text: string): Promise<boolean> => {
  let beyond = 0;
  for (const slice of slicesOf(text)) {
    beyond += Buffer.byteLength(slice) - slice.length;
    await breathe();
  }
  return beyond < text.length / 6;
};

const inQuotedPrintable = async (text: string): Promise<Buffer[]> => {
  const slices: Buffer[] = [];
  for (const slice of slicesOf(text)) {
    const encoded = wrap(encode(withCrlf(slice)), LINE);
    // A slice that ends within a line goes on in the next: the line end between them is none of the text (RFC 2045 6.7).
    slices.push(Buffer.from(encoded.endsWith('\n') ? encoded : `${encoded}=\r\n`));
    await breathe();
  }
  const last = slices.pop();
  const cut = last?.toString('latin1').endsWith('=\r\n') ? 3 : 0;
  return last === undefined ? [] : [...slices, last.subarray(0, last.length - cut)];
};

const inBase64Lines = async (text: string): Promise<Buffer[]> => {
  const slices: Buffer[] = [];
  let rest = Buffer.alloc(0);
  for (const slice of slicesOf(text)) {
    rest = Buffer.concat([rest, Buffer.from(withCrlf(slice))]);
    for (; rest.length > BASE64_SLICE; rest = rest.subarray(BASE64_SLICE))
      slices.push(Buffer.from(`${inBase64(rest.subarray(0, BASE64_SLICE))}\r\n`));
    await breathe();
  }
  return [...slices, Buffer.from(inBase64(rest))];
};

/**
 * @param text with any line ends; they become CRLF
 * @returns the same text for every reader; where its soft line breaks are is nobody's business
 */
export const encodeBody = async (text: string): Promise<EncodedBody> =>
  (await isMostlyAscii(text))
    ? { encoding: 'quoted-printable', slices: await inQuotedPrintable(text) }
    : { encoding: 'base64', slices: await inBase64Lines(text) };
