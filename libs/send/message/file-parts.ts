// Files in a message that is too large for memory: read from the content store, in base64, while it is sent.
import { Readable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import type { ContentReader } from '../../content/store';
import { inBase64 } from './encoding';

export interface StoredFile {
  contentId: string;
  /** Bytes. */
  size: number;
}

/** Bytes that make a line of 76 characters. */
const LINE_BYTES = 57;

/** @returns bytes of a file of that size in base64 in lines, without an end of the last one */
export const sizeInBase64 = (size: number): number => {
  const characters = 4 * Math.ceil(size / 3);
  return characters + 2 * Math.max(0, Math.ceil(size / LINE_BYTES) - 1);
};

async function* base64Lines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let lineEnd = '';
  for await (const chunk of bytes) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length - (all.length % LINE_BYTES);
    rest = all.subarray(whole);
    if (whole === 0) continue;
    yield Buffer.from(lineEnd + inBase64(all.subarray(0, whole)), 'latin1');
    lineEnd = '\r\n';
  }
  if (rest.length > 0) yield Buffer.from(lineEnd + inBase64(rest), 'latin1');
}

async function* bytesOf(pieces: readonly (Buffer | StoredFile)[], content: ContentReader): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) {
      // What reads it may do so without ever giving way to anything else.
      await breathe();
      yield piece;
    } else yield* base64Lines(content.read(piece.contentId) as AsyncIterable<Buffer>);
  }
}

/** Reads a message from its beginning; the same bytes each time. */
export const readPieces = (pieces: readonly (Buffer | StoredFile)[], content: ContentReader): Readable =>
  Readable.from(bytesOf(pieces, content), { objectMode: false });
