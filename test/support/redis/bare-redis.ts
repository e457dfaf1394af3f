// A Redis of one test file's own, for what is tested below the service.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { RedisServer } from '../../../dev/redis';
import type { StoredEmail } from '../../../libs/mail/email/stored-email';
import { openClient, startTestRedis } from './test-redis';

export interface BareRedis {
  redis: Redis;
  server: RedisServer;
  /** A folder that goes with it. */
  folder: string;
}

/** Starts it before the tests of the file and stops it after them; its members are there from the first test on. */
export const useBareRedis = (): BareRedis => {
  const bare = {} as BareRedis;
  beforeAll(async () => {
    bare.folder = await mkdtemp(join(tmpdir(), 'rohrpost-test-'));
    bare.server = await startTestRedis({ dataDir: bare.folder });
    bare.redis = openClient(bare.server.url, { maxRetriesPerRequest: null });
  });
  afterAll(async () => {
    bare.redis.disconnect();
    await bare.server.stop();
    await rm(bare.folder, { recursive: true, force: true });
  });
  return bare;
};

/** A finished email as it is kept, with changes. */
export const aStoredEmail = (changes: Partial<StoredEmail> = {}): StoredEmail => ({
  v: 1,
  rev: 1,
  domain: 'mail.test',
  to: [{ address: 'ann@example.org' }],
  subject: 'Hi',
  text: 'Hi',
  expiresAt: '2035-01-01T00:00:00.000Z',
  ...changes,
});
