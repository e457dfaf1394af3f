// Redis away or frozen: 503 at once instead of hanging requests, and everything comes back by itself.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startRedis } from '../../../dev/redis';
import { JOURNALED } from '../../support/redis/redis-journal';
import { aBatch } from '../../support/emails';
import { showTable } from '../../support/fault';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type Answer, type Service } from '../../support/service';
import { serviceEnv, startProcess } from '../../support/processes/process';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;

beforeEach(async () => {
  smtp = await startSmtpServer();
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

test('Redis away, at the start and in between: 503 at once, and everything comes back by itself', async () => {
  service = await startService({ workers: 1, plainRedis: true });
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  let slowest = 0;
  const timed = async (work: () => Promise<Answer>): Promise<Answer> => {
    const begun = Date.now();
    const answer = await work();
    slowest = Math.max(slowest, Date.now() - begun);
    expect(Date.now() - begun).toBeLessThan(4_500);
    return answer;
  };
  await service.redis.kill('SIGKILL');
  for (const [method, path, body] of [
    ['POST', emails, anEmail()],
    ['GET', emails],
    ['PUT', '/v1/tenants/x', {}],
    ['POST', `${emails}/batch`, aBatch(0, 2)],
  ] as const) {
    const answer = await timed(() => service.call(method, path, body));
    expect([path, answer.status, answer.body['code'], answer.headers.get('retry-after')]).toEqual([
      path,
      503,
      'unavailable',
      '2',
    ]);
  }
  expect((await timed(() => service.call('GET', '/readyz'))).status).toBe(503);
  expect((await service.call('GET', '/livez')).status).toBe(200);
  const env = serviceEnv(service.redis.url, service.dataDir);
  const late = await startProcess('api', env);
  expect((await fetch(`http://127.0.0.1:${late.port}/readyz`)).status).toBe(503);

  await restartRedis();
  await eventually(async () => expect((await service.call('GET', '/readyz')).status).toBe(200));
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${late.port}/readyz`)).status).toBe(200));
  showTable('redis-away', [{ answers: 'all 503', 'slowest ms': slowest }]);
  const { id } = await service.ok<{ id: string }>('POST', emails, anEmail());
  await smtp.waitForMessages(1);
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  expect(await late.end('SIGTERM')).toBe(0);
});

const restartRedis = async (): Promise<void> => {
  service.redis = await startRedis({ dataDir: service.dataDir, extra: JOURNALED });
};

test('a frozen Redis does not hang a request', async () => {
  service = await startService({ workers: 0, plainRedis: true });
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.redis.kill('SIGSTOP');
  const begun = Date.now();
  const answer = await service.call('POST', emails, anEmail());
  expect([answer.status, answer.body['code']]).toEqual([503, 'unavailable']);
  expect(Date.now() - begun).toBeLessThan(10_000);
  await service.redis.kill('SIGCONT');
  await eventually(async () => expect((await service.call('POST', emails, anEmail())).status).toBe(202));
});

test('a Redis that takes no writes is named: a replica, a disk that is full', async () => {
  service = await startService({ workers: 0, plainRedis: true });
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const api = await startProcess('api', serviceEnv(service.redis.url, service.dataDir));
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${api.port}/readyz`)).status).toBe(200));
  const redis = await service.redis.connect();
  const ready = async (): Promise<{ status: number; problems: string[] }> => {
    const { status, body } = await service.call<{ problems: string[] }>('GET', '/readyz');
    return { status, problems: body.problems };
  };
  const post = async (): Promise<unknown[]> => {
    const { status, body, headers } = await service.call('POST', emails, anEmail());
    return [status, body['code'], headers.get('retry-after'), String(body['detail'])];
  };

  await redis.call('REPLICAOF', '127.0.0.1', '1');
  await eventually(async () =>
    expect(await ready()).toEqual({ status: 503, problems: [expect.stringContaining('is a replica')] }),
  );
  await eventually(async () =>
    expect(await post()).toEqual([503, 'unavailable', '2', expect.stringContaining('READONLY')]),
  );
  const put = `http://127.0.0.1:${api.port}/v1/tenants/other`;
  const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
  await eventually(async () => {
    await (await fetch(put, { method: 'PUT', headers, body: '{}' })).text();
    expect(api.log.some((line) => line.includes('READONLY') && line.includes('"level":50'))).toBe(true);
  });
  await redis.call('REPLICAOF', 'NO', 'ONE');
  await eventually(async () => expect((await post())[0]).toBe(202));

  // Its folder is gone, as good as a disk without room: the snapshot fails.
  await rm(join(service.dataDir, 'redis'), { recursive: true });
  await redis.call('CONFIG', 'SET', 'save', '3600 1');
  await redis.call('BGSAVE');
  await eventually(async () =>
    expect(await ready()).toEqual({ status: 503, problems: [expect.stringContaining('rdb_last_bgsave_status')] }),
  );
  expect(await post()).toEqual([503, 'unavailable', '2', expect.stringContaining('MISCONF')]);
  redis.disconnect();
  await api.end('SIGTERM');
});
