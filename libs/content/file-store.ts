// A content store in a folder, which may be shared by all API and worker replicas (a network file system does).
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { codeOf } from '../runtime/fault';
import { spool } from './spool';
import type { ContentStore } from './store';

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

  return {
    async put(bytes, claim) {
      if (Buffer.isBuffer(bytes) && claim === undefined) {
        const contentId = `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
        if ((await size(contentId)) === bytes.length) return { contentId, size: bytes.length };
      }
      const source = Buffer.isBuffer(bytes) ? Readable.from([bytes]) : bytes;
      const { path, ...stored } = await spool(join(folder, 'incoming'), source, { sync: true });
      const target = pathOf(stored.contentId);
      try {
        await claim?.(stored);
        await mkdir(join(target, '..'), { recursive: true });
        await rename(path, target);
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
      return stored;
    },
    read: (contentId) => createReadStream(pathOf(contentId)),
    readAll: (contentId) => readFile(pathOf(contentId)),
    size,
    remove: (contentId) => rm(pathOf(contentId), { force: true }),
  };
};
