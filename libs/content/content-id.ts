// The name of a content: its SHA-256. What is read under a name is compared with it.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ContentMissing } from './store-fault';

const ID = /^sha256-([0-9a-f]{64})$/;

export const contentIdOf = (bytes: Buffer): string => `sha256-${createHash('sha256').update(bytes).digest('hex')}`;

/** 64 hex digits. @throws Error for what is no content id */
export const hashOf = (contentId: string): string => {
  const [, hash] = ID.exec(contentId) ?? [];
  if (hash === undefined) throw new Error(`"${contentId}" is no content id`);
  return hash;
};

/** @throws ContentMissing where the bytes are not those of the id */
export const verified = (contentId: string, bytes: Buffer): Buffer => {
  if (contentIdOf(bytes) !== contentId)
    throw ContentMissing.damaged(contentId, `${bytes.length} bytes of another hash`);
  return bytes;
};

/**
 * The bytes of a content as they are read; a stream that is not what the id says, or that fails, ends in an error instead
 * of its end, so that nobody takes it for whole.
 * @param toFault what an error of the source means
 */
export const verifiedStream = (
  contentId: string,
  open: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>,
  toFault: (error: unknown) => unknown = (error) => error,
): Readable => {
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of await open()) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw toFault(error);
    }
    if (`sha256-${hash.digest('hex')}` !== contentId)
      throw ContentMissing.damaged(contentId, `${size} bytes of another hash`);
  };
  return Readable.from(bytes(), { objectMode: false });
};
