// What every content store does, asked of each: a folder, and a bucket of S3.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rm, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { startHttpSource, type HttpSource } from '../support/http/http-source';
import { ALL_WELL, keepOnS3 } from '../support/s3/s3-process';
import { startS3Server, type S3Server } from '../support/s3/s3-server';
import { createFileStore } from '../../libs/content/file-store';
import { createS3Store } from '../../libs/content/s3-store';
import { clearSpool } from '../../libs/content/spool';
import type { ContentStore, StoredContent } from '../../libs/content/store';
import { ContentStoreAway, ContentStoreFull } from '../../libs/content/store-fault';

let folder: string;
let s3: S3Server;
const sources: HttpSource[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-content-'));
  s3 = await startS3Server(join(folder, 's3'));
});
afterAll(async () => {
  for (const source of sources) await source.close();
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

test('S3 in a process of its own, with the globals of Node', async () => {
  expect(await keepOnS3(s3.place)).toEqual(ALL_WELL);
});

/** A bucket that answers as it is told; asked for an object that it does not have it says 404. */
const bucketThat = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  const source = await startHttpSource();
  sources.push(source);
  source.answer((request, response) => {
    request.resume().once('end', () => answer(request, response));
  });
  return { store: createS3Store({ ...s3.place, endpoint: source.url }, join(folder, 'spool')) };
};

describe('a bucket that does not keep its word', () => {
  const bytes = randomBytes(100_000);
  const whole = { 'content-length': String(bytes.length) };
  const reads: [string, Record<string, string>, number, string][] = [
    ['breaks off', whole, 50_000, 'S3 broke off'],
    ['has less', {}, 50_000, 'is damaged (50000 bytes of another hash)'],
  ];

  test.each(reads)('a download that %s is no content', async (_what, headers, size, words) => {
    const { store } = await bucketThat((_request, response) => {
      response.writeHead(200, headers).write(bytes.subarray(0, size), () => {
        if ('content-length' in headers) response.destroy();
        else response.end();
      });
    });
    await expect(store.readAll(idOf(bytes))).rejects.toThrow(words);
    await expect(all(store.read(idOf(bytes)))).rejects.toThrow(words);
  });

  test('an upload of which less is kept is no success', async () => {
    let kept = false;
    const { store } = await bucketThat(({ method, url }, response) => {
      if (method === 'PUT') kept = true;
      const there = kept || url === `/${s3.place.bucket}`;
      response.writeHead(there ? 200 : 404, method === 'HEAD' && there ? { 'content-length': '50000' } : {}).end();
    });
    await expect(store.put(bytes)).rejects.toThrow('S3 kept 50000 of 100000 bytes');
  });

  test.each([
    [507, ''],
    [403, '<Error><Code>QuotaExceeded</Code></Error>'],
  ])('%d %s: it is full, and nobody insists', async (status, body) => {
    const { store } = await bucketThat(({ method, url }, response) => {
      const isBucket = url === `/${s3.place.bucket}`;
      response.writeHead(method === 'PUT' ? status : isBucket ? 200 : 404).end(method === 'PUT' ? body : undefined);
    });
    await expect(store.put(bytes)).rejects.toThrow(ContentStoreFull);
    expect(sources.at(-1)?.asked.filter(({ path }) => path !== `/${s3.place.bucket}`)).toHaveLength(2);
  });

  test('a bucket that is gone is no object that is missing', async () => {
    const { store } = await bucketThat((_request, response) => void response.writeHead(404).end());
    for (const ask of [store.readAll(idOf(bytes)), store.size(idOf(bytes))])
      await expect(ask).rejects.toThrow('does not exist: create it');
  });
});

test('a file that keeps less than it says it took gets no name', async () => {
  const file = await open(join(folder, 'probe'), 'w');
  const write = jest.spyOn(Object.getPrototypeOf(file) as FileHandle, 'write');
  await file.close();
  const bytes = randomBytes(100_000);
  const store = createFileStore(join(folder, 'liar'));
  // As much as it was given, it says, and keeps half.
  write.mockImplementation(async function (this: FileHandle, given: Buffer) {
    await this.appendFile(given.subarray(0, given.length / 2));
    return { bytesWritten: given.length, buffer: given };
  } as unknown as FileHandle['write']);
  try {
    await expect(store.put(bytes)).rejects.toThrow('kept 50000 bytes of 100000 that were written');
  } finally {
    write.mockRestore();
  }
  expect(await store.put(bytes)).toEqual({ contentId: idOf(bytes), size: bytes.length });
});

test('the same bytes from many at once are kept once, and whole', async () => {
  const bytes = randomBytes(500_000);
  const store = createFileStore(join(folder, 'many'));
  const given = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? bytes : streamOf(bytes)));
  await Promise.all(given.map((one) => store.put(one)));
  expect((await store.readAll(idOf(bytes))).equals(bytes)).toBe(true);
  expect(await readdir(join(folder, 'many/incoming'))).toEqual([]);
});

test('a folder that cannot be used says so before anybody writes', async () => {
  const path = join(folder, 'a-file');
  await writeFile(path, '');
  const store = createFileStore(path);
  expect(await store.problems()).toEqual([{ code: 'storage-away', text: expect.stringContaining(path) as string }]);
  await expect(store.put(Buffer.from('x'))).rejects.toThrow(ContentStoreAway);
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
