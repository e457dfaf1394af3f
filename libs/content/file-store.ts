// A content store in a folder, which may be shared by all API and worker replicas (a network file system does).
import { createReadStream } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { codeOf } from '../runtime/fault';
import { contentIdOf, hashOf, verified, verifiedStream } from './content-id';
import { makeFolder, openSpoolFolder, syncFolder, type SpoolFolder } from './folder';
import type { ContentStore, StoredContent } from './store';
import { ContentMissing, ContentStoreAway, ofFileSystem } from './store-fault';

/** Where bytes lie until they are whole and have their name. */
export const incomingFolder = (folder: string): string => join(folder, 'incoming');

/** Files beside the contents; the first is left out of a backup (docs/backup.md). */
const [EPOCH, ERASURES] = ['epoch', 'erasures'];

/** The files of contents, read; what goes wrong with them is a fault of the store. */
const createFiles = (folder: string) => {
  const pathOf = (contentId: string): string => {
    const hash = hashOf(contentId);
    return join(folder, 'sha256', hash.slice(0, 2), hash);
  };

  const toFault = (error: unknown): unknown =>
    error instanceof ContentStoreAway || error instanceof ContentMissing ? error : ofFileSystem(error, folder);

  const onDisk = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toFault(error);
    }
  };

  /** What is not there; where nothing is there at all, its disk may be missing, and it would be wrong to give up. */
  const missing = async (contentId: string): Promise<Error> => {
    const all = await stat(join(folder, 'sha256')).catch(() => undefined);
    if (all !== undefined) return ContentMissing.none(contentId);
    return new ContentStoreAway(`${folder} has no contents at all: is its disk mounted, and is it the right folder?`);
  };

  const found = async <T>(contentId: string, work: (path: string) => Promise<T>): Promise<T> => {
    const path = pathOf(contentId);
    try {
      return await work(path);
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? await missing(contentId) : toFault(error);
    }
  };

  const readAll = async (contentId: string): Promise<Buffer> =>
    verified(contentId, await found(contentId, (path) => readFile(path)));

  const read = (contentId: string): Readable => {
    const path = pathOf(contentId);
    const open = async (): Promise<AsyncIterable<Buffer>> => {
      await found(contentId, stat);
      return createReadStream(path) as AsyncIterable<Buffer>;
    };
    return verifiedStream(contentId, open, toFault);
  };

  return { pathOf, onDisk, found, read, readAll };
};

/** A text beside the contents. */
const createTextFile = (folder: string, incoming: SpoolFolder, name: string) => ({
  async read(): Promise<string | undefined> {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw ofFileSystem(error, folder);
    }
  },
  async write(text: string): Promise<void> {
    const { path } = await incoming.take(Readable.from([Buffer.from(text)]) as AsyncIterable<Buffer>, { sync: true });
    try {
      await rename(path, join(folder, name));
      await syncFolder(folder);
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      throw ofFileSystem(error, folder);
    }
  },
});

/**
 * Files lie in `<folder>/sha256/<2 digits>/<64 digits>`; they are written beside, synced, read back and renamed, and their
 * folder is synced, so that a file under its final name is always whole, and stays there after a power cut.
 * @param folder made where it does not exist
 */
export const createFileStore = (folder: string): ContentStore => {
  const incoming = openSpoolFolder(incomingFolder(folder));
  const { pathOf, onDisk, found, read, readAll } = createFiles(folder);
  const epoch = createTextFile(folder, incoming, EPOCH);
  const erasures = createTextFile(folder, incoming, ERASURES);

  /** Whole and for good, so that nothing has to be written; what is damaged is mended by whoever hands it in again. */
  const isKept = async (contentId: string): Promise<boolean> => {
    try {
      await readAll(contentId);
      await syncFolder(dirname(pathOf(contentId)));
      return true;
    } catch {
      return false;
    }
  };

  const keep = async (
    bytes: AsyncIterable<Buffer>,
    claim: ((content: StoredContent) => Promise<void>) | undefined,
  ): Promise<StoredContent> => {
    const { path, ...stored } = await incoming.take(bytes, { sync: true });
    const target = pathOf(stored.contentId);
    try {
      await onDisk(() => makeFolder(dirname(target)));
      await claim?.(stored);
      await onDisk(async () => {
        await rename(path, target);
        await syncFolder(dirname(target));
      });
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    return stored;
  };

  return {
    async put(bytes, claim) {
      if (Buffer.isBuffer(bytes) && claim === undefined) {
        const contentId = contentIdOf(bytes);
        if (await isKept(contentId)) return { contentId, size: bytes.length };
      }
      return keep((Buffer.isBuffer(bytes) ? Readable.from([bytes]) : bytes) as AsyncIterable<Buffer>, claim);
    },
    read,
    readAll,
    async size(contentId) {
      try {
        return await found(contentId, async (path) => (await stat(path)).size);
      } catch (error) {
        if (error instanceof ContentMissing) return undefined;
        throw error;
      }
    },
    remove: (contentId) => onDisk(() => rm(pathOf(contentId), { force: true })),
    readEpoch: () => epoch.read(),
    writeEpoch: (text) => epoch.write(text),
    readErasures: () => erasures.read(),
    writeErasures: (text) => erasures.write(text),
    problems: () => incoming.problems(),
  };
};
