// A content store in a folder, which may be shared by all API and worker replicas (a network file system does).
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { codeOf } from '../runtime/fault';
import type { ContentStore, StoredContent } from './store';

const ID = /^sha256-([0-9a-f]{64})$/;

/**
 * Files lie in `<folder>/sha256/<2 digits>/<64 digits>`; they are written beside, synced and renamed, so that a file
 * under its final name is always whole.
 * @param folder made where it does not exist
 */
export const createFileStore = (folder: string): ContentStore => {
  const pathOf = (contentId: string): string => {
    const [, hash] = ID.exec(contentId) ?? [];
    if (hash === undefined) throw new Error(`"${contentId}" is no content id`);
    return join(folder, 'sha256', hash.slice(0, 2), hash);
  };

  const size = async (contentId: string): Promise<number | undefined> => {
    try {
      return (await stat(pathOf(contentId))).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  };

  const writeTemporary = async (bytes: Buffer | Readable): Promise<StoredContent & { path: string }> => {
    const incoming = join(folder, 'incoming');
    await mkdir(incoming, { recursive: true });
    const path = join(incoming, randomBytes(12).toString('hex'));
    const file = await open(path, 'wx', 0o600);
    const hash = createHash('sha256');
    let written = 0;
    try {
      for await (const chunk of Buffer.isBuffer(bytes) ? [bytes] : (bytes as AsyncIterable<Buffer>)) {
        hash.update(chunk);
        written += chunk.length;
        await file.write(chunk);
      }
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return { path, contentId: `sha256-${hash.digest('hex')}`, size: written };
  };

  return {
    async put(bytes, claim) {
      if (Buffer.isBuffer(bytes) && claim === undefined) {
        const contentId = `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
        if ((await size(contentId)) === bytes.length) return { contentId, size: bytes.length };
      }
      const { path, ...stored } = await writeTemporary(bytes);
      const target = pathOf(stored.contentId);
      await claim?.(stored.contentId);
      await mkdir(join(target, '..'), { recursive: true });
      await rename(path, target);
      return stored;
    },
    read: (contentId) => createReadStream(pathOf(contentId)),
    readAll: (contentId) => readFile(pathOf(contentId)),
    size,
    remove: (contentId) => rm(pathOf(contentId), { force: true }),
  };
};
