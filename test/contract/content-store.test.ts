// What every content store does, asked of each: a folder, and a bucket of S3.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { startS3Server, type S3Server } from '../support/s3-server';
import { createFileStore } from '../../libs/content/file-store';
import { createS3Store } from '../../libs/content/s3-store';
import { clearSpool } from '../../libs/content/spool';
import type { ContentStore, StoredContent } from '../../libs/content/store';

let folder: string;
let s3: S3Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-content-'));
  s3 = await startS3Server(join(folder, 's3'));
});
afterAll(async () => {
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

const idOf = (bytes: Buffer): string => `sha256-${createHash('sha256').update(bytes).digest('hex')}`;
const streamOf = (bytes: Buffer): Readable => Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]);
const all = async (stream: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

describe.each<[string, () => ContentStore, string]>([
  ['a folder', () => createFileStore(join(folder, 'files')), 'files/incoming'],
  ['a bucket', () => createS3Store(s3.place, join(folder, 'spool')), 'spool'],
])('%s', (_name, open, temporary) => {
  let store: ContentStore;
  beforeAll(() => {
    store = open();
  });
  const leftOver = (): Promise<string[]> => readdir(join(folder, temporary)).catch(() => []);

  test.each<[string, (bytes: Buffer) => Buffer | Readable]>([
    ['at once', (bytes) => bytes],
    ['as a stream', streamOf],
  ])('keeps bytes given %s under their hash, claimed before they are there', async (_way, given) => {
    const bytes = randomBytes(3 * 1024 * 1024 + 1);
    const claims: [string, number | undefined][] = [];
    const claim = async ({ contentId, size }: StoredContent): Promise<void> => {
      expect(size).toBe(bytes.length);
      claims.push([contentId, await store.size(contentId)]);
    };
    expect(await store.put(given(bytes), claim)).toEqual({ contentId: idOf(bytes), size: bytes.length });
    expect(claims).toEqual([[idOf(bytes), undefined]]);
    expect((await store.readAll(idOf(bytes))).equals(bytes)).toBe(true);
    expect((await all(store.read(idOf(bytes)))).equals(bytes)).toBe(true);
    expect(await store.size(idOf(bytes))).toBe(bytes.length);
    // The same bytes once more, from somebody else.
    expect(await store.put(given(bytes))).toEqual({ contentId: idOf(bytes), size: bytes.length });
    expect(await leftOver()).toEqual([]);
  });

  test('keeps nothing, too', async () => {
    const { contentId } = await store.put(Buffer.alloc(0));
    expect([await store.size(contentId), (await store.readAll(contentId)).length]).toEqual([0, 0]);
    expect((await all(store.read(contentId))).length).toBe(0);
  });

  test('says ENOENT of what is not there, and removes as often as it is told to', async () => {
    const { contentId } = await store.put(Buffer.from('gone soon'));
    await store.remove(contentId);
    await store.remove(contentId);
    expect(await store.size(contentId)).toBeUndefined();
    await expect(store.readAll(contentId)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(all(store.read(contentId))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('an upload that breaks off leaves nothing', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('broken off');
      })(),
    );
    await expect(store.put(broken)).rejects.toThrow('broken off');
    expect(await leftOver()).toEqual([]);
    expect(await store.size(idOf(Buffer.from('half')))).toBeUndefined();
  });

  test('what may not be claimed is not kept', async () => {
    const claim = () => Promise.reject(new Error('there is no room'));
    for (const given of [Buffer.from('no room'), streamOf(Buffer.from('no room'))])
      await expect(store.put(given, claim)).rejects.toThrow('there is no room');
    expect(await leftOver()).toEqual([]);
    expect(await store.size(idOf(Buffer.from('no room')))).toBeUndefined();
  });

  test('takes no other names', async () => {
    await expect((async () => store.readAll('../../etc/passwd'))()).rejects.toThrow('no content id');
    await expect((async () => store.remove('sha256-x'))()).rejects.toThrow('no content id');
  });
});

test('S3 says why: a wrong secret, a bucket that is not there, nobody who answers', async () => {
  const put = (changes: object) => createS3Store({ ...s3.place, ...changes }, folder).put(Buffer.from('x'));
  await expect(put({ secretAccessKey: 'wrong' })).rejects.toThrow(/S3 answered 403/);
  await expect(put({ bucket: 'nowhere' })).rejects.toThrow(/the bucket nowhere does not exist: create it/);
  await expect(put({ endpoint: 'http://127.0.0.1:1' })).rejects.toThrow(/S3 cannot be reached: http:\/\/127.0.0.1:1/);
});

test('what a process left in the spool goes, what is in use stays', async () => {
  const spool = join(folder, 'old');
  await mkdir(spool, { recursive: true });
  for (const name of ['old', 'new']) await writeFile(join(spool, name), name);
  await utimes(join(spool, 'old'), 1, 1);
  await clearSpool(spool, Date.now() - 60_000);
  expect(await readdir(spool)).toEqual(['new']);
  await clearSpool(join(folder, 'not-there'), 0);
});
