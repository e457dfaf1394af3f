// Compresses what browsers are given: pages when they are made, assets once.
import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';

const ENCODINGS = ['br', 'gzip'] as const;
type Encoding = (typeof ENCODINGS)[number];

/** Quality of a page: half of the bytes that the best one would save cost a tenth of its time. */
const PAGE_QUALITY = 4;
/** Bytes below which nothing is saved that anybody notices. */
const LEAST = 1_024;

const brotliAsync = promisify(brotliCompress);
const gzipAsync = promisify(gzip);

const compressPage: Record<Encoding, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) => brotliAsync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: PAGE_QUALITY } }),
  gzip: (bytes) => gzipAsync(bytes),
};
/** @returns what the client takes of ours, by its `Accept-Encoding` (RFC 9110 12.5.3); undefined for the bytes as they are */
const encodingFor = (request: Request): Encoding | undefined =>
  ENCODINGS.find((one) => request.acceptsEncodings(one) === one);

const describe = (response: Response, encoding: Encoding | undefined): void => {
  response.vary('Accept-Encoding');
  if (encoding !== undefined) response.set('Content-Encoding', encoding);
};

/**
 * Ends the answer with a page. No page tells a secret beside what a foreign site could put into it: other sites' requests come
 * without the session (`SameSite=Strict`), so that nobody can read from lengths what a page says.
 */
export const endCompressed = async (response: Response, text: string): Promise<void> => {
  const bytes = Buffer.from(text);
  const encoding = bytes.length < LEAST ? undefined : encodingFor(response.req);
  const body = encoding === undefined ? bytes : await compressPage[encoding](bytes);
  describe(response, encoding);
  response.end(body);
};

/** Bytes that never change, in each form. */
export type Packed = Record<Encoding | 'plain', Buffer>;

export const pack = (plain: Buffer): Packed => ({
  plain,
  br: brotliCompressSync(plain),
  gzip: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }),
});

/** Ends the answer with the form of them that the client takes. */
export const endPacked = (request: Request, response: Response, packed: Packed): void => {
  const encoding = encodingFor(request);
  describe(response, encoding);
  response.end(packed[encoding ?? 'plain']);
};
