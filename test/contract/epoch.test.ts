// Whether what Redis holds may be a backup: each way in which Redis and content store can part, with both stores.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAudit } from '../../libs/events/audit';
import { advanceRedis, lookAtEpochs, type Epoch } from '../../libs/events/epoch/epoch';
import { checkEpoch } from '../../libs/events/epoch/watch-epoch';
import { createLog } from '../../libs/runtime/log';
import { createChanges } from '../../libs/store/redis/settings-cache';
import { createInstallation } from '../../libs/store/registries/installation';
import { createFileStore } from '../../libs/content/file-store';
import { createS3Store } from '../../libs/content/s3-store';
import type { ContentStore } from '../../libs/content/store';
import { ContentStoreAway } from '../../libs/content/store-fault';
import { useBareRedis } from '../support/redis/bare-redis';
import { openClient } from '../support/redis/test-redis';
import { startS3Server, type S3Server } from '../support/s3/s3-server';

const KEY = 'rohrpost:epoch';
const NOW = Date.parse('2030-01-01T00:00:00Z');
const LONG_AGO = '2029-12-31T03:00:00.000Z';
const JUST_NOW = '2029-12-31T23:59:30.000Z';

const bare = useBareRedis();
let folder: string;
let s3: S3Server;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-epoch-'));
  s3 = await startS3Server(join(folder, 's3'));
});
afterAll(async () => {
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => bare.redis.flushall());

const anEpoch = (of: Partial<Epoch> = {}): string => JSON.stringify({ id: 'a', count: 7, at: LONG_AGO, ...of });

/** A folder of its own; or the one bucket, whose epoch each test replaces. */
const folderStore = (): ContentStore => createFileStore(join(folder, `files-${count++}`));
const bucketStore = (): ContentStore => createS3Store(s3.place, join(folder, 'spool'));

const look = async (store: ContentStore, inRedis: string | undefined, inStore: string | undefined) => {
  if (inRedis !== undefined) await bare.redis.set(KEY, inRedis);
  if (inStore !== undefined) await store.writeEpoch(inStore);
  return (await lookAtEpochs({ redis: bare.redis, content: store }, NOW)).doubt?.kind;
};

test.each([
  ['a folder', folderStore],
  ['a bucket', bucketStore],
])('%s keeps the epoch, the last one, and the erasures beside it', async (_name, open) => {
  const store = open();
  expect(await store.readEpoch()).toBeUndefined();
  await store.writeEpoch('one');
  await store.writeEpoch('two');
  expect(await store.readErasures()).toBeUndefined();
  await store.writeErasures('[]');
  expect(await store.readEpoch()).toBe('two');
  expect(await store.readErasures()).toBe('[]');
});

test.each<[string, string | undefined, string | undefined, string | undefined]>([
  ['a first start', undefined, undefined, undefined],
  ['one that was killed before the store followed', anEpoch({ count: 1 }), undefined, undefined],
  ['both as they were left', anEpoch(), anEpoch(), undefined],
  ['Redis one step ahead', anEpoch({ count: 8 }), anEpoch(), undefined],
  ['the content store restored, Redis not', anEpoch({ count: 900 }), anEpoch(), undefined],
  ['Redis restored, the content store not', anEpoch({ count: 6 }), anEpoch(), 'behind'],
  ['both restored, the epoch left out as documented', anEpoch(), undefined, 'moved'],
  ['a process with a folder of its own, while others run', anEpoch({ at: JUST_NOW }), undefined, undefined],
  ['Redis empty where there was one', undefined, anEpoch(), 'empty'],
  ['another installation', anEpoch({ id: 'b', count: 900 }), anEpoch(), 'foreign'],
])('%s', async (_name, inRedis, inStore, doubt) => {
  expect(await look(folderStore(), inRedis, inStore)).toBe(doubt);
});

test('a backup from before there were epochs is none that is empty', async () => {
  await bare.redis.hset('rohrpost:tenants', 'acme', '{}');
  expect(await look(folderStore(), undefined, anEpoch())).toBe('behind');
});

test('the next epoch is above both, and is not written where Redis was replaced meanwhile', async () => {
  const content = folderStore();
  await look(content, anEpoch({ count: 3 }), anEpoch({ count: 9 }));
  const deps = { redis: bare.redis, content };
  const found = await lookAtEpochs(deps, NOW);
  await bare.redis.set(KEY, anEpoch({ count: 2 }));
  expect(await advanceRedis(deps, found, NOW)).toBeUndefined();
  expect(JSON.parse((await bare.redis.get(KEY)) ?? '')).toMatchObject({ count: 2 });
  const next = await advanceRedis(deps, await lookAtEpochs(deps, NOW), NOW);
  expect(JSON.parse(next ?? '')).toEqual({ id: 'a', count: 10, at: '2030-01-01T00:00:00.000Z' });
});

test('a store that is away says nothing of Redis', async () => {
  const away = createS3Store({ ...s3.place, bucket: 'gone' }, join(folder, 'spool'));
  await expect(look(away, anEpoch(), undefined)).rejects.toThrow(ContentStoreAway);
});

test.each<[string, string | undefined, 'waits' | 'begins']>([
  ['of which nobody has heard for long: it may be a backup', anEpoch(), 'waits'],
  ['that others advance', anEpoch({ at: JUST_NOW }), 'begins'],
  ['that never had an epoch', undefined, 'begins'],
])('a start whose store is away, on a Redis %s', async (_name, inRedis, then) => {
  const { redis } = bare;
  const subscriber = openClient(bare.server.url);
  if (inRedis !== undefined) await redis.set(KEY, inRedis);
  const clock = { now: () => NOW };
  const changes = createChanges({ redis, subscriber });
  const started = checkEpoch({
    redis,
    content: createS3Store({ ...s3.place, bucket: 'gone' }, join(folder, 'spool')),
    clock,
    installation: createInstallation({ redis, changes, clock }),
    audit: createAudit({ redis, clock }),
    log: createLog('test', 'silent'),
  });
  if (then === 'waits') await expect(started).rejects.toThrow(ContentStoreAway);
  else await started;
  subscriber.disconnect();
});
