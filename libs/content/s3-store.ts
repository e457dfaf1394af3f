// A content store in a bucket of S3, or of anything that speaks like it.
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { messageOf } from '../runtime/fault';
import { contentIdOf, hashOf, verified, verifiedStream } from './content-id';
import { openSpoolFolder } from './folder';
import { createS3Client, dropped, type AskS3, type S3Answer, type S3Body, type S3Place } from './s3-request';
import type { ContentStore } from './store';
import { ContentMissing, ContentStoreAway, toStoreProblem, type StoreProblem } from './store-fault';

const keyOf = (contentId: string): string => `sha256/${hashOf(contentId).slice(0, 2)}/${hashOf(contentId)}`;

/** Objects beside the contents; the first is left out of a backup (docs/backup.md). */
const [EPOCH, ERASURES] = ['epoch', 'erasures'];

/** How long the bucket may take to say that it is there, ms, and how long that is believed. */
const LOOK_MS = 3_000;
const BELIEVED_MS = 10_000;

const lengthOf = ({ headers }: S3Answer): number => Number(headers['content-length']);

const noBucket = ({ bucket }: S3Place): ContentStoreAway =>
  new ContentStoreAway(`the bucket ${bucket} does not exist: create it`);

/** @returns whether the bucket answers now, asked at most every few seconds */
const createLook = (ask: AskS3, place: S3Place): (() => Promise<StoreProblem[]>) => {
  let known: { at: number; problems: Promise<StoreProblem[]> } | undefined;
  const look = async (): Promise<StoreProblem[]> => {
    try {
      const answer = await ask({ method: 'HEAD', key: '', tries: 1, patience: LOOK_MS });
      dropped(answer);
      return answer.statusCode === 404 ? [toStoreProblem(noBucket(place))] : [];
    } catch (error) {
      return [toStoreProblem(error instanceof ContentStoreAway ? error : new ContentStoreAway(messageOf(error)))];
    }
  };
  return async () => {
    const now = performance.now();
    if (known === undefined || now - known.at >= BELIEVED_MS) known = { at: now, problems: look() };
    const problems = await known.problems;
    // What is wrong is looked at anew each time: it should be told no longer than it lasts.
    if (problems.length > 0) known = undefined;
    return problems;
  };
};

/** The objects of contents, asked for one by one. @param look whether the bucket answers now */
const createObjects = (ask: AskS3, place: S3Place, look: () => Promise<StoreProblem[]>) => {
  /** 404 is said of an object and of its bucket: where that is gone, nobody must give up what was in it. */
  const requireBucket = async (): Promise<void> => {
    const gone = noBucket(place);
    if ((await look()).some(({ text }) => text === gone.message)) throw gone;
  };

  const get = async (contentId: string): Promise<S3Answer> => {
    const answer = await ask({ method: 'GET', key: keyOf(contentId) });
    if (answer.statusCode !== 404) return answer;
    dropped(answer);
    await requireBucket();
    throw ContentMissing.none(contentId);
  };

  const size = async (contentId: string): Promise<number | undefined> => {
    const answer = await ask({ method: 'HEAD', key: keyOf(contentId) });
    dropped(answer);
    if (answer.statusCode !== 404) return lengthOf(answer);
    await requireBucket();
    return undefined;
  };

  const upload = async (contentId: string, body: Omit<S3Body, 'sha256'>): Promise<void> => {
    if ((await size(contentId)) === body.size) return;
    const answer = await ask({ method: 'PUT', key: keyOf(contentId), body: { ...body, sha256: hashOf(contentId) } });
    dropped(answer);
    if (answer.statusCode === 404) throw noBucket(place);
    const kept = await size(contentId);
    if (kept !== body.size)
      throw new ContentStoreAway(`S3 kept ${kept ?? 'none'} of ${body.size} bytes in ${place.bucket}`);
  };

  return { get, size, upload, requireBucket };
};

/** A text beside the contents. */
const createTextObject = (ask: AskS3, place: S3Place, requireBucket: () => Promise<void>, key: string) => ({
  async read(): Promise<string | undefined> {
    // Whoever starts does not wait long for a bucket that is away.
    const answer = await ask({ method: 'GET', key, tries: 1, patience: LOOK_MS });
    if (answer.statusCode !== 404) return (await buffer(answer)).toString();
    dropped(answer);
    await requireBucket();
    return undefined;
  },
  async write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    const sha256 = hashOf(contentIdOf(bytes));
    const answer = await ask({ method: 'PUT', key, body: { open: () => bytes, size: bytes.length, sha256 } });
    dropped(answer);
    if (answer.statusCode === 404) throw noBucket(place);
  },
});

/**
 * Objects lie under `sha256/<2 digits>/<64 digits>`, as in the folder.
 * @param spoolFolder where uploads are kept until their hash, and so their name, is known
 */
export const createS3Store = (place: S3Place, spoolFolder: string): ContentStore => {
  const ask = createS3Client(place);
  const look = createLook(ask, place);
  const { get, size, upload, requireBucket } = createObjects(ask, place, look);
  const incoming = openSpoolFolder(spoolFolder);
  const epoch = createTextObject(ask, place, requireBucket, EPOCH);
  const erasures = createTextObject(ask, place, requireBucket, ERASURES);

  /** What breaks off is not what is missing. */
  const toFault = (error: unknown): unknown =>
    error instanceof ContentMissing || error instanceof ContentStoreAway
      ? error
      : new ContentStoreAway(`S3 broke off in the middle of a content: ${place.endpoint}`, { cause: error });

  const putStream = async (bytes: Readable, claim: Parameters<ContentStore['put']>[1]) => {
    const { path, ...stored } = await incoming.take(bytes, { sync: false });
    try {
      await claim?.(stored);
      await upload(stored.contentId, { open: () => createReadStream(path), size: stored.size });
      return stored;
    } finally {
      await rm(path, { force: true }).catch(() => undefined);
    }
  };

  return {
    async put(bytes, claim) {
      if (!Buffer.isBuffer(bytes)) return putStream(bytes, claim);
      const stored = { contentId: contentIdOf(bytes), size: bytes.length };
      await claim?.(stored);
      await upload(stored.contentId, { open: () => bytes, size: bytes.length });
      return stored;
    },
    read: (contentId) => {
      hashOf(contentId);
      return verifiedStream(contentId, () => get(contentId), toFault);
    },
    async readAll(contentId) {
      hashOf(contentId);
      try {
        return verified(contentId, await buffer(await get(contentId)));
      } catch (error) {
        throw toFault(error);
      }
    },
    size,
    async remove(contentId) {
      const answer = await ask({ method: 'DELETE', key: keyOf(contentId) });
      dropped(answer);
    },
    readEpoch: () => epoch.read(),
    writeEpoch: (text) => epoch.write(text),
    readErasures: () => erasures.read(),
    writeErasures: (text) => erasures.write(text),
    problems: async () => [...(await incoming.problems()), ...(await look())],
  };
};
