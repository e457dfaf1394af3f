// Killed between any two steps of erasing: the sweep goes on, nothing of the email is left but the sign that it was.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { createSweep } from '../../../apps/worker/upkeep/sweep';
import { createFileStore } from '../../../libs/content/file-store';
import { resolveSettings } from '../../../libs/mail/settings/settings';
import { createSchedule } from '../../../libs/jobs/layout/schedule';
import { readRecords } from '../../../libs/jobs/layout/email-record';
import { createErase } from '../../../libs/jobs/layout/erase';
import { isGone } from '../../../libs/jobs/layout/tombstones';
import { createQueues, type EmailQueue } from '../../../libs/jobs/layout/queues';
import { createRemoveEmail } from '../../../libs/jobs/transitions/remove-email';
import { createEnqueue } from '../../../libs/intake/enqueue';
import { createLog } from '../../../libs/runtime/log';
import { createContentRefs } from '../../../libs/store/contents/content-refs';
import { KEYS } from '../../../libs/store/redis/keys';
import { showTable } from '../../support/fault';
import { aStoredEmail, useBareRedis } from '../../support/redis/bare-redis';
import { emptyQueue } from '../../../libs/jobs/transitions/empty-queue';

const ID = 'm_06bhdh0jq0000000000000000a';
const LATER_MS = 2 * 60_000;
const KILLED = 'killed here';

const bare = useBareRedis();
let redis: Redis;
let folder: string;
let count = 0;
const found: Record<string, string | number>[] = [];

beforeAll(() => {
  ({ redis, folder } = bare);
});
afterAll(() => {
  showTable('erasing', found);
});
beforeEach(() => redis.flushall());

/** Lets so many steps through and none after them: what a crash at this point leaves. */
const dyingAfter = (steps: number) => {
  let left = steps;
  const step = (): void => {
    if (left-- <= 0) throw new Error(KILLED);
  };
  return { step, died: () => left < 0 };
};
const dyingRedis = (step: () => void): Redis =>
  new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        step();
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });

const filesIn = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  );

/** Everything that removes, with steps that may be the last. */
const makeRooms = (step: () => void = () => undefined, ahead = 0) => {
  const dying = dyingRedis(step);
  const clock = { now: () => Date.now() + ahead };
  const path = join(folder, `content-${count}`);
  const content = createFileStore(path);
  const removeContent = (id: string): Promise<void> => (step(), content.remove(id));
  const refs = createContentRefs({ redis: dying, clock });
  const erase = createErase({
    redis: dying,
    clock,
    releaseContent: (address, id, ids) => refs.release(address, id, ids, removeContent),
  });
  const removal = createRemoveEmail({ redis: dying, clock, erase });
  const queues = createQueues({ redis, waits: true });
  const schedule = createSchedule(dying);
  return {
    redis: dying,
    clock,
    path,
    content: { ...content, remove: removeContent },
    refs,
    removal,
    removeContent,
    queues,
    schedule,
  };
};

/** A waiting email with an attachment that nobody else has. */
const setTheStage = async (): Promise<{ queue: EmailQueue; contentId: string }> => {
  count++;
  const rooms = makeRooms();
  const queue = rooms.queues.open({ tenant: 'acme', application: `app-${count}` });
  const stored = await rooms.content.put(Buffer.from(`attachment ${count}`));
  const { contentId } = stored;
  await rooms.refs.claim(queue.address, ID, [stored]);
  const email = aStoredEmail({ attachments: [{ filename: 'a.txt', contentId, size: 12 }] });
  const accepted = { id: ID, email, acceptedAt: Date.now(), priority: 'normal' as const };
  await createEnqueue({ redis, schedule: rooms.schedule }).add(queue, [accepted]);
  return { queue, contentId };
};

const sweepLater = (step?: () => void, ahead = LATER_MS): Promise<unknown> => {
  const rooms = makeRooms(step, ahead);
  const settingsOf = (): Promise<ReturnType<typeof resolveSettings>> => Promise.resolve(resolveSettings());
  return createSweep({ ...rooms, log: createLog('test', 'silent'), settingsOf, onExpired: () => undefined })();
};

/** What is left of the email and its content, but the sign that it was; whereabouts name queues and no email. */
const traces = async (contentId: string): Promise<string[]> => {
  const keys = await redis.keys(`*${ID}*`);
  const members: string[] = [];
  for (const key of await redis.keys('*')) {
    if ((await redis.type(key)) === 'zset' && !/{(fleet|whereabouts)}|:marker$/.test(key))
      members.push(...(await redis.zrange(key, 0, '-1')).map((member) => `${key}: ${member}`));
  }
  const contents = await redis.keys(`*${contentId}*`);
  // What is not there any more is not counted either.
  contents.push(...(await redis.keys('*:contents')));
  return [
    ...keys.filter((key) => !key.includes(':gone:')),
    ...members,
    ...contents,
    ...(await filesIn(makeRooms().path)),
  ];
};

test('an email is erased, wherever it stopped', async () => {
  for (let steps = 0, whole = false; !whole; steps++) {
    await redis.flushall();
    const { queue, contentId } = await setTheStage();
    const { step, died } = dyingAfter(steps);
    const outcome = await makeRooms(step)
      .removal.remove(queue, ID)
      .catch((error: Error) => error.message);
    whole = !died();
    expect(outcome).toBe(whole ? undefined : KILLED);
    const [record] = await readRecords(redis, queue, [ID]);
    if (record !== undefined) {
      // Not begun: the email is as it was, whoever asked was told so and asks again.
      expect(await filesIn(makeRooms().path)).toHaveLength(1);
      expect(await makeRooms().removal.remove(queue, ID)).toBeUndefined();
    } else {
      expect(await isGone(redis, queue.keys, ID)).toBe(true);
      await sweepLater();
    }
    expect(await traces(contentId)).toEqual([]);
    expect(await isGone(redis, queue.keys, ID)).toBe(true);
    found.push({
      what: 'email',
      'killed before step': whole ? 'none' : steps + 1,
      'went on': whole ? '' : record ? 'asked again' : 'the sweep',
    });
  }
  expect(found.length).toBeGreaterThan(8);
});

test('an email in its removal is nobody’s any more: it is not found, sent, held or removed twice', async () => {
  const { queue } = await setTheStage();
  const { step } = dyingAfter(3);
  await expect(makeRooms(step).removal.remove(queue, ID)).rejects.toThrow(KILLED);
  expect(await queue.bull.getJobCounts()).toMatchObject({ waiting: 0, prioritized: 0 });
  expect(await makeRooms().removal.remove(queue, ID)).toBe('missing');
  await sweepLater();
  expect(await redis.exists(queue.keys.removal(ID))).toBe(0);
});

test('a queue is emptied, with its uploads, wherever it stopped: asked again it is done', async () => {
  for (let steps = 0, whole = false; !whole; steps++) {
    await redis.flushall();
    const { queue, contentId } = await setTheStage();
    const rooms = makeRooms();
    const upload = await rooms.content.put(Buffer.from(`upload ${count}`));
    await rooms.refs.claimUpload(queue.address, upload);
    // Also one whose removal was interrupted, and which stands in one index only.
    const interrupted = dyingAfter(steps % 2 === 0 ? 3 : 0);
    await makeRooms(interrupted.step)
      .removal.remove(queue, ID)
      .catch(() => undefined);
    if (steps % 2 === 0) await redis.zrem(queue.keys.byTime, ID);
    const { step, died } = dyingAfter(steps);
    const failed = await emptyQueue(makeRooms(step), queue).then(
      () => undefined,
      (error: Error) => error.message,
    );
    whole = !died();
    expect(failed).toBe(whole ? undefined : KILLED);
    if (!whole) await emptyQueue(makeRooms(), queue);
    expect(await traces(contentId)).toEqual([]);
    expect(await traces(upload.contentId)).toEqual([]);
    if (whole) found.push({ what: 'queue', 'killed before step': `1 to ${steps}`, 'went on': 'asked again' });
  }
});

test('a queue whose sweep was killed is swept again, wherever it stopped', async () => {
  const DAYS = 86_400_000;
  for (let steps = 0, whole = false; !whole; steps++) {
    await redis.flushall();
    const { contentId } = await setTheStage();
    // It has expired by then, and is in the error log; that is what the first sweep does.
    const expired = Date.parse('2035-01-01T00:00:01.000Z') - Date.now();
    const { step, died } = dyingAfter(steps);
    await sweepLater(step, expired).catch(() => undefined);
    whole = !died();
    for (const days of [1, 100, 200]) await sweepLater(undefined, expired + days * DAYS);
    expect([steps, await traces(contentId)]).toEqual([steps, []]);
    expect(await redis.zrange(KEYS.upkeep, 0, '-1')).toEqual([]);
    if (whole) found.push({ what: 'sweep', 'killed before step': `1 to ${steps}`, 'went on': 'the next sweep' });
  }
});
