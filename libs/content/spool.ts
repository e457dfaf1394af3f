// Bytes on their way to somewhere: written to a file while they are hashed, so that memory holds one piece at a time.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../runtime/fault';
import type { StoredContent } from './store';
import { ContentStoreAway, ContentStoreFull, ofFileSystem } from './store-fault';

export interface Spooled extends StoredContent {
  path: string;
}

const PIECE = 64 * 1024;

/** write(2) may take less than it is given, as it does where the disk is nearly full: the rest is written again. */
const writeAll = async (file: FileHandle, chunk: Buffer, folder: string): Promise<void> => {
  for (let at = 0; at < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, at, chunk.length - at, null);
    if (bytesWritten === 0) throw new ContentStoreFull(`${folder} takes no more bytes: make room`);
    at += bytesWritten;
  }
};

/** What the file says when it is read again. */
const readBack = async (file: FileHandle): Promise<StoredContent> => {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, PIECE, size);
    if (bytesRead === 0) return { contentId: `sha256-${hash.digest('hex')}`, size };
    hash.update(piece.subarray(0, bytesRead));
    size += bytesRead;
  }
};

/**
 * @param given what went into the file
 * @throws ContentStoreAway where the file has something else
 */
const compare = async (file: FileHandle, given: StoredContent, folder: string): Promise<void> => {
  const found = await readBack(file);
  if (found.contentId === given.contentId) return;
  const what = found.size === given.size ? 'other bytes' : `${found.size} bytes`;
  throw new ContentStoreAway(`${folder} kept ${what} of ${given.size} that were written: check its disk`);
};

/** Does something in a folder, which is made where it does not exist: asked for only then, since it is there nearly always. */
const inFolder = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return work();
  }
};

/**
 * Writes the bytes into a new file of the folder, which is made where it does not exist; then reads them back. Nothing
 * stays where the bytes end in an error.
 * @param sync whether the file has to survive a power cut
 * @throws ContentStoreFull, ContentStoreAway; whatever `bytes` throws
 */
export const spool = async (
  folder: string,
  bytes: AsyncIterable<Buffer>,
  { sync }: { sync: boolean },
): Promise<Spooled> => {
  const onDisk = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof ContentStoreAway ? error : ofFileSystem(error, folder);
    }
  };
  const path = join(folder, randomBytes(12).toString('hex'));
  const file = await onDisk(() => inFolder(folder, () => open(path, 'wx+', 0o600)));
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      await onDisk(() => writeAll(file, chunk, folder));
    }
    const content = { contentId: `sha256-${hash.digest('hex')}`, size };
    await onDisk(async () => {
      if (sync) await file.sync();
      await compare(file, content, folder);
      await file.close();
    });
    return { path, ...content };
  } catch (error) {
    // What failed first is what is told.
    await file.close().catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
};

/**
 * Removes what processes left that ended in the middle.
 * @param before files that were last written before (ms since 1970); so old that nobody needs them
 */
export const clearSpool = async (folder: string, before: number): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  for (const path of names.map((name) => join(folder, name))) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true && found.mtimeMs < before) await rm(path, { force: true });
  }
};
