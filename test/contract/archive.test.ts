// The archive is what was sent: whoever lost the email meanwhile changes nothing of it, and leaves nothing behind.
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { archiveMessage } from '../../apps/worker/attempt/archive';
import { createFileStore } from '../../libs/content/file-store';
import type { ContentStore } from '../../libs/content/store';
import type { StoredRaw } from '../../libs/mail/email/stored-email';
import { createSchedule } from '../../libs/jobs/layout/schedule';
import { takeEmail, type Lease } from '../../libs/jobs/transitions/lease';
import { createQueues, type EmailQueue } from '../../libs/jobs/layout/queues';
import { createEnqueue } from '../../libs/intake/enqueue';
import { systemClock } from '../../libs/runtime/clock';
import { createContentRefs, type ContentRefs } from '../../libs/store/contents/content-refs';
import { MARK } from '../../libs/jobs/layout/marks';
import { aStoredEmail, useBareRedis } from '../support/redis/bare-redis';

let folder: string;
const bare = useBareRedis();
let redis: Redis;
let queue: EmailQueue;
let content: ContentStore;
let refs: ContentRefs;

beforeEach(() => redis.flushall());
beforeAll(() => {
  ({ redis, folder } = bare);
  content = createFileStore(join(folder, 'content'));
  refs = createContentRefs({ redis, clock: systemClock });
});

const take = async (): Promise<Lease> => {
  queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: 'app' });
  const email = aStoredEmail();
  const accepted = { id: 'm_1', email, acceptedAt: Date.now(), priority: 'high' as const };
  await createEnqueue({ redis, schedule: createSchedule(redis) }).add(queue, [accepted]);
  const { email: lease } = await takeEmail(redis, queue, 'b:0');
  if (lease === undefined) throw new Error('there is no email');
  return lease;
};
const keep = (lease: Lease, text: string) => {
  const bytes = Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`);
  return archiveMessage(
    { redis, refs, content },
    lease,
    { size: bytes.length, content: bytes },
    { from: 's@acme.test' },
  );
};
const archived = async (): Promise<string> =>
  (JSON.parse((await redis.hget(queue.keys.job('m_1'), MARK.archive)) ?? '{}') as StoredRaw).contentId;

test('a worker that has lost the email does not replace what the other one sends', async () => {
  const lease = await take();
  await keep(lease, 'first');
  const first = await archived();
  await keep(lease, 'second');
  const sent = await archived();
  expect(await content.size(first)).toBeUndefined();
  const refsOf = async () => (await redis.keys('*sha256-*')).length;
  const before = await refsOf();
  for (const text of ['stale', 'second'])
    await expect(keep({ ...lease, token: 'a:0' }, text)).rejects.toThrow('the hold on the email was lost');
  expect(await archived()).toBe(sent);
  expect(await content.size(sent)).toBeGreaterThan(0);
  expect(await refsOf()).toBe(before);
});

test('what could not be stored is not counted, however often it is tried; what an attempt before has stored is kept', async () => {
  const lease = await take();
  await keep(lease, 'stored');
  const stored = await archived();
  const bytesOf = () => refs.bytesOf([queue.address]);
  const before = await bytesOf();
  const away: ContentStore = {
    ...content,
    async put(bytes, claim) {
      // Read to its end, claimed, and not taken.
      const made = await content.put(bytes, claim);
      throw new Error(`the store is away: ${made.size}`);
    },
  };
  const tryToKeep = (text: string) => {
    const bytes = Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`);
    const message = { size: bytes.length, content: bytes };
    return archiveMessage({ redis, refs, content: away }, lease, message, { from: 's@acme.test' });
  };
  for (const text of ['second', 'third', 'stored']) await expect(tryToKeep(text)).rejects.toThrow('the store is away');
  expect(await bytesOf()).toBe(before);
  expect(await content.size(stored)).toBeGreaterThan(0);
  expect(await redis.zcard(queue.keys.content(stored))).toBe(1);
});
