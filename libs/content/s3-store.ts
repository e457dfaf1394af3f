// A content store in a bucket of S3, or of anything that speaks like it.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createS3Client, type S3Body, type S3Place } from './s3-request';
import { spool } from './spool';
import type { ContentStore } from './store';

const ID = /^sha256-([0-9a-f]{64})$/;

const hashOf = (contentId: string): string => {
  const [, hash] = ID.exec(contentId) ?? [];
  if (hash === undefined) throw new Error(`"${contentId}" is no content id`);
  return hash;
};

const keyOf = (contentId: string): string => `sha256/${hashOf(contentId).slice(0, 2)}/${hashOf(contentId)}`;

const missing = (contentId: string): Error =>
  Object.assign(new Error(`${contentId} is not in the content store`), { code: 'ENOENT' });

/**
 * Objects lie under `sha256/<2 digits>/<64 digits>`, as in the folder.
 * @param spoolFolder where uploads are kept until their hash, and so their name, is known
 */
export const createS3Store = (place: S3Place, spoolFolder: string): ContentStore => {
  const ask = createS3Client(place);

  const get = async (contentId: string): Promise<Response> => {
    const answer = await ask({ method: 'GET', key: keyOf(contentId) });
    if (answer.ok) return answer;
    await answer.body?.cancel();
    throw missing(contentId);
  };

  const size = async (contentId: string): Promise<number | undefined> => {
    const answer = await ask({ method: 'HEAD', key: keyOf(contentId) });
    return answer.ok ? Number(answer.headers.get('content-length')) : undefined;
  };

  const upload = async (contentId: string, body: Omit<S3Body, 'sha256'>): Promise<void> => {
    if ((await size(contentId)) === body.size) return;
    const answer = await ask({ method: 'PUT', key: keyOf(contentId), body: { ...body, sha256: hashOf(contentId) } });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the bucket ${place.bucket} does not exist: create it`);
  };

  return {
    async put(bytes, claim) {
      if (Buffer.isBuffer(bytes)) {
        const contentId = `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
        const stored = { contentId, size: bytes.length };
        await claim?.(stored);
        await upload(contentId, { open: () => bytes, size: bytes.length });
        return stored;
      }
      const { path, ...stored } = await spool(spoolFolder, bytes, { sync: false });
      try {
        await claim?.(stored);
        await upload(stored.contentId, { open: () => createReadStream(path), size: stored.size });
        return stored;
      } finally {
        await rm(path, { force: true });
      }
    },
    read(contentId) {
      const bytes = async function* (): AsyncGenerator<Buffer> {
        const { body } = await get(contentId);
        if (body === null) return;
        for await (const chunk of body) yield Buffer.from(chunk as Uint8Array);
      };
      return Readable.from(bytes(), { objectMode: false });
    },
    readAll: async (contentId) => Buffer.from(await (await get(contentId)).arrayBuffer()),
    size,
    async remove(contentId) {
      const answer = await ask({ method: 'DELETE', key: keyOf(contentId) });
      await answer.body?.cancel();
    },
  };
};
