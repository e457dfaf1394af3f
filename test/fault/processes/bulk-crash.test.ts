// A bulk operation whose API replica is killed: another one goes on, every email is acted on once.
import { Queue } from 'bullmq';
import { BULKS } from '../../../libs/administration/bulk/bulk-progress';
import { newOperationId } from '../../../libs/jobs/layout/email-id';
import { createLog } from '../../../libs/runtime/log';
import { queueKeys, queuePrefix } from '../../../libs/store/redis/keys';
import { connectRedis } from '../../../libs/store/redis/redis';
import { listAll } from '../../support/emails';
import { FULL, showTable } from '../../support/fault';
import { serviceEnv, startProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../../support/service';
import { eventually } from '../../support/wait';

const COUNT = FULL ? 20_000 : 3_000;

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());

test('the operation ends with everything done', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', 1);
  const lines = Array.from({ length: 1_000 }, (_, n) =>
    anEmail({ to: [`r${n}@example.org`], sendAt: '2030-01-01T00:00:00Z' }),
  );
  for (let from = 0; from < COUNT; from += 1_000) await service.ok('POST', `${emails}/batch`, { emails: lines });
  // Both replicas take operations: whichever has this one, a killed one is the one outside this process.
  const replica = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${replica.port}/readyz`)).status).toBe(200));
  const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
  const started = await Promise.all(
    Array.from({ length: 4 }, async (_, n) => {
      const response = await fetch(`http://127.0.0.1:${replica.port}${emails}/bulk`, {
        method: 'POST',
        headers,
        // What was canceled is found again by whoever goes on: only its history says that it was done.
        body: JSON.stringify({ filter: { recipient: `r${n}*` }, action: 'cancel' }),
      });
      return ((await response.json()) as { id: string }).id;
    }),
  );
  await eventually(async () =>
    expect(await service.ok('GET', `/v1/queues/${queue}`)).not.toMatchObject({ counts: { canceled: 0 } }),
  );
  await replica.end('SIGKILL');
  const ended = await Promise.all(
    started.map((id) =>
      eventually(
        async () => {
          const operation = await service.ok<{ state: string; matched: number; done: number; failed: number }>(
            'GET',
            `/v1/operations/${id}`,
          );
          expect(operation.state).toBe('done');
          return operation;
        },
        { timeout: 60_000, every: 100 },
      ),
    ),
  );
  showTable(
    'bulk-crash',
    ended.map(({ done, failed }, n) => ({ filter: `r${n}*`, done, failed })),
  );
  // Of 0 to 999 those that begin with n: itself, and 1 and 2 digits more.
  const each = (COUNT / 1_000) * 111;
  const counted = { matched: each, done: each, skipped: 0, failed: 0 };
  expect(ended).toEqual(ended.map((_, n) => expect.objectContaining(n === 0 ? { failed: 0 } : counted) as unknown));
  const canceled = await logsOf(await listAll(service, emails));
  expect(new Set(canceled.filter((steps) => steps > 0))).toEqual(new Set([1]));
  expect(canceled.filter((steps) => steps > 0)).toHaveLength(ended.reduce((sum, { done }) => sum + done, 0));
}, 120_000);

test('one that holds with a correction which needs an approval is done, where only that was told of it before', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/second', 1, { approval: {} });
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant: 'acme' });
  const later = anEmail({ sendAt: '2038-01-01T00:00:00Z' });
  const { id } = await service.ok<{ id: string }>('POST', emails, later);
  await service.ok('POST', `${emails}/${id}/release`, undefined, { key });
  expect((await service.email(queue, id)).state).toBe('scheduled');
  const redis = await service.redis.connect();
  const name = '_operations';
  const operations = new Queue(name, { prefix: queuePrefix(name), connection: redis });
  try {
    // As a process leaves it that is killed right after the correction, which has put the email aside.
    await operations.pause();
    await service.ok('PATCH', `${emails}/${id}`, { subject: 'Corrected' });
    expect((await service.email(queue, id)).state).toBe('held');
    const operation = newOperationId(Date.now());
    const line = { kind: 'change', at: new Date().toISOString(), by: 'k', what: 'corrected', operation };
    const address = { tenant: 'acme', application: 'second' };
    await redis.rpush(queueKeys(address).log(id), JSON.stringify(line));
    const order = {
      ...{ id: operation, address, filter: { state: ['scheduled'] }, action: 'hold' },
      ...{ patch: { subject: 'Corrected' }, dryRun: false, by: 'k' },
    };
    const job = await operations.add('acme', order, { jobId: operation });
    await job.updateProgress({ ...BULKS.nothingYet, matched: 1, current: id });
    await operations.resume();
    await eventually(async () =>
      expect(await service.ok('GET', `/v1/operations/${operation}`)).toMatchObject({
        ...{ state: 'done', matched: 1, done: 1, failed: 0, skipped: 0 },
      }),
    );
  } finally {
    await operations.close();
    redis.disconnect();
  }
}, 60_000);

/** How often something was done to each email, by its history. */
const logsOf = async (emails: { id: string }[]): Promise<number[]> => {
  const redis = connectRedis({
    url: service.redis.url,
    patience: 'wait',
    name: 'test',
    log: createLog('test', 'silent'),
  });
  const { log } = queueKeys({ tenant: 'acme', application: 'app' });
  const steps = await Promise.all(emails.map(({ id }) => redis.llen(log(id))));
  redis.disconnect();
  return steps;
};
