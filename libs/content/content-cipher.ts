// Contents of one confidential email: sealed in the store under a key that only the email holds; without the email nobody reads them.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ContentReader } from './store';

const [NONCE, TAG] = [12, 16];

/** So much longer than its plain bytes is a sealed content. */
export const SEAL_BYTES = NONCE + TAG;

export interface ContentCipher {
  /** AES-256-GCM: 12 bytes of nonce, the ciphertext, 16 bytes of tag. @param nonce never twice for two texts */
  seal(plain: Buffer, nonce: Buffer): Buffer;
  /** The same while the bytes pass. */
  sealStream(plain: AsyncIterable<Buffer>): AsyncGenerator<Buffer>;
  /** Reads sealed contents of a store in their plain form, with their plain sizes. */
  over(store: ContentReader): ContentReader;
}

/** @param key 32 bytes */
export const createContentCipher = (key: Buffer): ContentCipher => {
  const open = (nonce: Buffer) => createDecipheriv('aes-256-gcm', key, nonce);

  const openAll = (sealed: Buffer): Buffer => {
    const decipher = open(sealed.subarray(0, NONCE)).setAuthTag(sealed.subarray(-TAG));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
  };

  /** Ends in an error instead of its end where the bytes are not those that were sealed, as every read of a content does. */
  const openStream = async function* (sealed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let held: Buffer = Buffer.alloc(0);
    let decipher: ReturnType<typeof open> | undefined;
    for await (const chunk of sealed) {
      held = Buffer.concat([held, chunk]);
      if (decipher === undefined && held.length >= NONCE) {
        decipher = open(held.subarray(0, NONCE));
        held = held.subarray(NONCE);
      }
      if (decipher === undefined || held.length <= TAG) continue;
      yield decipher.update(held.subarray(0, -TAG));
      held = held.subarray(-TAG);
    }
    if (decipher === undefined) throw new Error('a sealed content is shorter than its nonce');
    yield decipher.setAuthTag(held).final();
  };

  return {
    seal(plain, nonce) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    async *sealStream(plain) {
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      yield nonce;
      for await (const chunk of plain) yield cipher.update(chunk);
      yield Buffer.concat([cipher.final(), cipher.getAuthTag()]);
    },
    over: (store) => ({
      read: (id) => {
        const source = store.read(id);
        const plain = Readable.from(openStream(source as AsyncIterable<Buffer>), { objectMode: false });
        return plain.once('close', () => source.destroy());
      },
      readAll: async (id) => openAll(await store.readAll(id)),
      size: async (id) => {
        const size = await store.size(id);
        return size === undefined ? undefined : size - SEAL_BYTES;
      },
    }),
  };
};

/** Reads one content that was sealed with a key. */
export const readSealed =
  (store: ContentReader) =>
  (key: Buffer, contentId: string): Promise<Buffer> =>
    createContentCipher(key).over(store).readAll(contentId);
