// The files of one attempt: documents that it fetched, kept on disk until it is over.
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { verified, verifiedStream } from '../../../../libs/content/content-id';
import { spool, type Spooled } from '../../../../libs/content/spool';
import type { ContentReader } from '../../../../libs/content/store';

export interface AttemptSpool {
  /** Writes a document into the folder. @throws ContentStoreFull, ContentStoreAway; whatever `bytes` throws */
  add(bytes: AsyncIterable<Buffer>): Promise<Spooled>;
  /** Reads files of this attempt where they are, everything else from the store. */
  over(store: ContentReader): ContentReader;
  /** Removes the files; after it they cannot be read any more. */
  discard(): Promise<void>;
}

/** @param folder made when the first document comes */
export const createAttemptSpool = (folder: string): AttemptSpool => {
  const files: Spooled[] = [];
  const find = (id: string): Spooled | undefined => files.find(({ contentId }) => contentId === id);
  return {
    async add(bytes) {
      const file = await spool(folder, bytes, { sync: false });
      files.push(file);
      return file;
    },
    over: (store) => ({
      read: (id) => {
        const file = find(id);
        return file === undefined
          ? store.read(id)
          : verifiedStream(id, () => createReadStream(file.path) as AsyncIterable<Buffer>);
      },
      readAll: async (id) => {
        const file = find(id);
        return file === undefined ? store.readAll(id) : verified(id, await readFile(file.path));
      },
      size: async (id) => find(id)?.size ?? store.size(id),
    }),
    async discard() {
      for (const { path } of files) await rm(path, { force: true });
    },
  };
};
