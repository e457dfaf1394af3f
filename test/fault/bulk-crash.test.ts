// A bulk operation whose API replica is killed: another one goes on, every email is acted on once.
import { FULL, showTable } from '../support/fault';
import { serviceEnv, startProcess } from '../support/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Service } from '../support/service';
import { eventually } from '../support/wait';

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
      const filter = { state: 'scheduled', recipient: `r${n}*` };
      const response = await fetch(`http://127.0.0.1:${replica.port}${emails}/bulk`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ filter, action: 'cancel' }),
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
          const operation = await service.ok<{ state: string; done: number; failed: number }>(
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
  const left = await service.ok<{ emails: unknown[] }>('GET', `${emails}?recipient=r1*&state=scheduled`);
  showTable(
    'bulk-crash',
    ended.map(({ done, failed }, n) => ({ filter: `r${n}*`, done, failed })),
  );
  expect(left.emails).toEqual([]);
}, 120_000);
