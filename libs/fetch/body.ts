// The body of an answer: inflated and counted while it is read, so that neither a large nor a packed one fills the memory.
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { FetchFailure, shownUrl } from './failure';

const UNPACKERS = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress };

const unpacked = (body: Readable, encoding: string, url: URL): Readable => {
  if (encoding === '' || encoding === 'identity') return body;
  const make = Object.entries(UNPACKERS).find(([name]) => name === encoding)?.[1];
  if (make === undefined) {
    body.on('error', () => undefined).destroy();
    throw new FetchFailure(
      'invalid',
      `${shownUrl(url)} answered in the encoding "${encoding}", which nobody asked for`,
    );
  }
  // The error reaches whoever reads.
  return pipeline(body, make(), () => undefined);
};

/**
 * @param most bytes after inflating
 * @param toFailure what a broken connection means
 * @throws FetchFailure `invalid` where it is too large, else what `toFailure` makes
 */
export const bounded = async function* (
  body: Readable,
  encoding: string | undefined,
  most: number,
  url: URL,
  toFailure: (error: unknown) => unknown,
): AsyncGenerator<Buffer> {
  let seen = 0;
  const source = unpacked(body, (encoding ?? '').trim().toLowerCase(), url);
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      seen += chunk.length;
      if (seen > most) throw new FetchFailure('invalid', `${shownUrl(url)} is larger than ${most} bytes`);
      yield chunk;
    }
  } catch (error) {
    throw toFailure(error);
  } finally {
    // Left early: nothing more is to come.
    body.on('error', () => undefined).destroy();
  }
};

/**
 * The first bytes of an answer that is not looked at further: what is longer, breaks off, comes too late or cannot be unpacked is left.
 * @param most bytes after inflating
 */
export const beginningOf = async (
  body: Readable,
  encoding: string | undefined,
  most: number,
  url: URL,
): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let seen = 0;
  try {
    for await (const chunk of bounded(body, encoding, Infinity, url, (error) => error)) {
      chunks.push(chunk);
      seen += chunk.length;
      if (seen >= most) break;
    }
  } catch {
    // Its status was read, which is what counts.
  }
  return Buffer.concat(chunks).subarray(0, most);
};
