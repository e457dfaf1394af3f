// What should never be, made by hand: the reconciler finds it, mends it, and counts it.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { createSchedule } from '../../../libs/jobs/layout/schedule';
import { createQueues } from '../../../libs/jobs/layout/queues';
import { createReconcile } from '../../../libs/jobs/repair/reconcile';
import { systemClock } from '../../../libs/runtime/clock';
import { createContentRefs } from '../../../libs/store/contents/content-refs';
import { newEmailId } from '../../../libs/jobs/layout/email-id';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let redis: Redis;

let rooms: Parameters<typeof createReconcile>[0];
const removed: string[] = [];

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService();
  redis = openClient(service.redis.url, { maxRetriesPerRequest: null });
  rooms = {
    redis,
    schedule: createSchedule(redis),
    refs: createContentRefs({ redis, clock: systemClock }),
    removeContent: async (id) => void removed.push(id),
    now: Date.now,
    settingsOf: async () => ({ transport: 'default' }),
  };
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
});

test('homeless, unlisted, dangling, unannounced', async () => {
  const { queue: name, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.ok('POST', `/v1/queues/${name}/pause`);
  const ids: string[] = [];
  for (let n = 0; n < 4; n++)
    ids.push((await service.ok<EmailBody>('POST', emails, anEmail({ to: [`r${n}@example.org`] }))).id);
  const [homeless = '', unlisted = '', dangling = ''] = ids;
  const queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: 'app' });
  const reconcile = createReconcile({ ...rooms, settled: 0 });
  expect(await reconcile(queue)).toEqual({
    homeless: 0,
    unlisted: 0,
    dangling: 0,
    miscounted: 0,
    unneeded: 0,
    unannounced: 0,
  });

  await redis.zrem(`${queue.keys.bull}prioritized`, homeless);
  await redis.zrem(queue.keys.byTime, unlisted);
  await redis.del(queue.keys.job(dangling));
  await redis.zrem(`${queue.keys.bull}prioritized`, dangling);
  await queue.bull.resume();
  await redis.del('rohrpost:{fleet}:due');
  const found = await reconcile(queue);
  expect(found).toEqual({ homeless: 1, unlisted: 1, dangling: 2, miscounted: 0, unneeded: 0, unannounced: 1 });
  await smtp.waitForMessages(3);
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${name}`)).toMatchObject({ counts: { sent: 3 } }),
  );
  expect(await reconcile(queue)).toEqual({
    homeless: 0,
    unlisted: 0,
    dangling: 0,
    miscounted: 0,
    unneeded: 0,
    unannounced: 0,
  });
  const { emails: listed } = await service.ok<{ emails: EmailBody[] }>('GET', emails);
  expect(listed.map(({ id }) => id).sort()).toEqual(ids.filter((id) => id !== dangling).sort());
});

test('contents of emails that never came are let go of when nobody can come back for them; others stay', async () => {
  const { queue: name, emails } = await setUpQueue(service, 'acme/contents', smtp.port, { enabled: false });
  const attachments = [{ filename: 'a', content: Buffer.from('needed').toString('base64') }];
  await service.ok('POST', emails, anEmail({ attachments }));
  await service.call('POST', `/v1/queues/${name}/content`, undefined, { raw: Buffer.from('upload') });
  const queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: 'contents' });
  const orphan = { contentId: `sha256-${'0'.repeat(64)}`, size: 1_000 };
  await rooms.refs.claim(queue.address, newEmailId(Date.now()), [orphan]);
  const bytesOf = async () => (await service.ok<{ contentBytes: number }>('GET', `/v1/queues/${name}`)).contentBytes;
  expect(await createReconcile(rooms)(queue)).toMatchObject({ unneeded: 0 });
  expect(await bytesOf()).toBe(1_012);
  const later = createReconcile({ ...rooms, now: () => Date.now() + 26 * 3_600_000 });
  expect(await later(queue)).toMatchObject({ unneeded: 1 });
  expect([await bytesOf(), removed]).toEqual([12, [orphan.contentId]]);
});

test('what a foreign client or an older version did not know of is counted as what it is again', async () => {
  const { queue: name, emails } = await setUpQueue(service, 'acme/counts', smtp.port, { backoff: { delay: '6h' } });
  smtp.setScript({ rcpt: () => '451 4.3.0 later' });
  const post = async () => (await service.ok<EmailBody>('POST', emails, anEmail())).id;
  const [deferred, promoted] = [await post(), await post()];
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${name}`)).toMatchObject({ counts: { deferred: 2 } }),
  );
  await service.ok('POST', `/v1/queues/${name}/pause`);
  const [held, retried] = [await post(), await post()];
  for (const id of [held, retried]) await service.ok('POST', `${emails}/${id}/hold`);
  const queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: 'counts' });
  await (await queue.bull.getJob(promoted))?.promote();
  await (await queue.bull.getJob(retried))?.retry('failed');
  await redis.zrem(`${queue.keys.bull}rp:deferred`, deferred);
  await redis.zrem(`${queue.keys.bull}rp:put-back`, deferred);
  await redis.zrem(`${queue.keys.bull}rp:aside:held`, held);
  await redis.zadd(queue.keys.byAddressBefore, 0, 'old@example.org\u0000' + 'v'.repeat(26));
  expect(await createReconcile(rooms)(queue)).toMatchObject({ miscounted: 5 });
  expect(await service.ok('GET', `/v1/queues/${name}`)).toMatchObject({
    counts: { deferred: 1, queued: 2, held: 1, failed: 0, scheduled: 0 },
  });
  expect(await redis.exists(queue.keys.byAddressBefore)).toBe(0);
  expect(await createReconcile(rooms)(queue)).toMatchObject({ miscounted: 0 });
});
