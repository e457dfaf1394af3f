// A folder that keeps bytes: made so that it survives a power cut, and asked whether it takes any.
import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../runtime/fault';
import { spool, type Spooled } from './spool';
import { ContentStoreAway, ContentStoreFull, ofFileSystem, toStoreProblem, type StoreProblem } from './store-fault';

/** Where folders cannot be synced (some network file systems), their servers do it. */
const NO_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM', 'EBADF']);

/** A name survives a power cut when its folder was synced (fsync(2)). */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!NO_SYNC.has(codeOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
};

/** Makes a folder and what is above it, for good. */
export const makeFolder = async (folder: string): Promise<void> => {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
};

/** A folder that takes bytes on their way, and says whether it can. */
export interface SpoolFolder {
  /** As `spool` does. @throws what it throws */
  take(bytes: AsyncIterable<Buffer>, options: { sync: boolean }): Promise<Spooled>;
  /** What keeps it from taking bytes now. */
  problems(): Promise<StoreProblem[]>;
}

/** What was found is told again for so long, ms. */
const KNOWN_MS = 1_000;
/** A write that failed is told for so long at least, ms: a quota or another process' room cannot be asked for. */
const TOLD_MS = 5_000;
/** Room that is needed where no write failed, bytes. */
const SMALL = 4_096;

/** Tries to write; takes one block, however much room is asked for. @throws ContentStoreAway */
const tryFolder = async (folder: string, bytes: number): Promise<void> => {
  const path = join(folder, `.try-${randomBytes(6).toString('hex')}`);
  try {
    await makeFolder(folder);
    const { blocks, bavail, bsize } = await statfs(folder);
    if (blocks > 0 && bavail * bsize < bytes)
      throw new ContentStoreFull(
        `${folder} cannot be used: the disk is full (${bavail * bsize} bytes left): make room`,
      );
    const file = await open(path, 'wx', 0o600);
    try {
      // At the end of as large a file: its size may be limited.
      await file.write(Buffer.alloc(1), 0, 1, bytes - 1);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof ContentStoreAway ? error : ofFileSystem(error, folder);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
};

/** Counts what passes. */
async function* counted(bytes: AsyncIterable<Buffer>, count: (size: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    count(chunk.length);
    yield chunk;
  }
}

/** A write that failed counts as a problem until as much can be written again. */
export const openSpoolFolder = (folder: string): SpoolFolder => {
  let needed = SMALL;
  let last: { error: ContentStoreAway; at: number } | undefined;
  let known: { at: number; problems: Promise<StoreProblem[]> } | undefined;

  const failed = (error: unknown, bytes: number): void => {
    if (!(error instanceof ContentStoreAway)) return;
    if (error instanceof ContentStoreFull) needed = Math.max(needed, bytes);
    last = { error, at: performance.now() };
    known = undefined;
  };

  const look = async (now: number): Promise<StoreProblem[]> => {
    if (last !== undefined && now - last.at < TOLD_MS) return [toStoreProblem(last.error)];
    try {
      await tryFolder(folder, needed);
      needed = SMALL;
      last = undefined;
      return [];
    } catch (error) {
      return [toStoreProblem(error as ContentStoreAway)];
    }
  };

  return {
    async take(bytes, options) {
      let size = 0;
      try {
        return await spool(
          folder,
          counted(bytes, (more) => (size += more)),
          options,
        );
      } catch (error) {
        failed(error, size);
        throw error;
      }
    },
    problems() {
      const now = performance.now();
      if (known === undefined || now - known.at >= KNOWN_MS) known = { at: now, problems: look(now) };
      return known.problems;
    },
  };
};
