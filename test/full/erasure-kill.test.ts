// Erasures whose API replica is killed: another one goes on, and nothing of the persons is left, whatever was being removed just then.
import { serviceEnv, startProcess } from '../support/processes/process';
import { anEmail, setUpQueue, startService, type Service } from '../support/service';
import { everyFile, everyKey, standsIn } from '../support/traces';
import { eventually } from '../support/wait';

const EACH = 150;
const PERSONS = ['ann', 'bob', 'eve', 'dan'].map((name) => `${name}@example.org`);

let service: Service;

beforeAll(async () => {
  // A worker sweeps what a killed replica has begun to remove.
  service = await startService();
});
afterAll(() => service.close());

test('the operations end, and nobody finds any of them', async () => {
  const { emails } = await setUpQueue(service, 'acme/app', 1);
  for (const to of PERSONS) {
    const lines = Array.from({ length: EACH }, (_, n) =>
      anEmail({ to: n % 3 === 0 ? [to, 'carl@example.org'] : [to], text: 'Hello', sendAt: '2030-01-01T00:00:00Z' }),
    );
    await service.ok('POST', `${emails}/batch`, { emails: lines });
  }
  const replica = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${replica.port}/readyz`)).status).toBe(200));
  const begun = await Promise.all(
    PERSONS.map((recipient) => service.ok<{ id: string }>('POST', '/v1/tenants/acme/erasure', { recipient })),
  );
  const all = () => service.ok<{ counts: Record<string, number> }>('GET', '/v1/queues/acme/app');
  await eventually(async () => expect((await all()).counts['scheduled']).toBeLessThan(PERSONS.length * EACH - 40), {
    every: 5,
  });
  await replica.end('SIGKILL');
  for (const { id } of begun)
    await eventually(
      async () => expect(await service.ok('GET', `/v1/operations/${id}`)).toMatchObject({ state: 'done', left: 0 }),
      { timeout: 150_000, every: 200 },
    );
  expect((await all()).counts['scheduled']).toBe((PERSONS.length * EACH) / 3);
  const redis = await service.redis.connect();
  const kept = [...(await everyKey(service.redis, redis)), ...(await everyFile(`${service.dataDir}/content`))];
  redis.disconnect();
  expect(PERSONS.flatMap((address) => standsIn(address, kept))).toEqual([]);
}, 240_000);
