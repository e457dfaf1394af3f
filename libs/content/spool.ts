// Bytes on their way to somewhere: written to a file while they are hashed, so that memory holds one piece at a time.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredContent } from './store';

export interface Spooled extends StoredContent {
  path: string;
}

/**
 * Writes the bytes into a new file of the folder, which is made where it does not exist. Nothing stays where the bytes end
 * in an error.
 * @param sync whether the file has to survive a power cut
 */
export const spool = async (
  folder: string,
  bytes: AsyncIterable<Buffer>,
  { sync }: { sync: boolean },
): Promise<Spooled> => {
  await mkdir(folder, { recursive: true });
  const path = join(folder, randomBytes(12).toString('hex'));
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      await file.write(chunk);
    }
    if (sync) await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { path, contentId: `sha256-${hash.digest('hex')}`, size };
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
