// What a process asks of Redis before it begins: a Redis that goes or refuses in the middle of it is waited for, what a person must mend is not.
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient } from '../../support/redis/test-redis';
import { startProxy, type TcpProxy } from '../../support/redis/tcp-proxy';
import { freePort } from '../../support/processes/free-port';
import { launchProcess, serviceEnv, startProcess, type App } from '../../support/processes/process';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { deferred, eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let proxy: TcpProxy;
let redis: ReturnType<typeof openClient>;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
  proxy = await startProxy({ host: '127.0.0.1', port: service.redis.port });
  redis = openClient(service.redis.url);
  env = {
    ...serviceEnv(`redis://:${service.redis.password}@127.0.0.1:${proxy.port}/0`, service.dataDir),
    ROHRPOST_SMTP_PORT: String(await freePort()),
  };
});
afterEach(async () => {
  await redis.config('SET', 'maxmemory', '0');
  redis.disconnect();
  await proxy.close();
  await service.close();
  await smtp.close();
});

const READY: Record<App, string> = { api: 'api ready', smtp: 'mail is taken by SMTP', worker: 'worker ready' };

/** Words of the questions, in their order; mail by SMTP neither pauses nor compares epochs. */
const QUESTIONS: Record<App, string[]> = {
  api: ['rohrpost:format', 'persistence', '*append*', 'rohrpost:pause', 'rohrpost:epoch'],
  worker: ['rohrpost:format', 'persistence', '*append*', 'rohrpost:pause', 'rohrpost:epoch'],
  smtp: ['rohrpost:format', 'persistence', '*append*'],
};

/** A client that fails at once asks once more by itself, over its next connection. */
const TIMES = 2;

/** Each question breaks the connection the first times. @returns how often each has done so */
const breakEach = (questions: string[]): Map<string, number> => {
  const broken = new Map<string, number>();
  proxy.onRequest = (chunk) => {
    const question = questions.find((one) => (broken.get(one) ?? 0) < TIMES && chunk.includes(one));
    if (question === undefined) return 'pass';
    broken.set(question, (broken.get(question) ?? 0) + 1);
    return 'cut';
  };
  return broken;
};

describe.each(['api', 'worker', 'smtp'] as const)('%s', (app) => {
  test('a connection that breaks at each question: it asks again, and ends for none of them', async () => {
    await redis.config('SET', 'appendfsync', 'always');
    const broken = breakEach(QUESTIONS[app]);
    const started = launchProcess(app, { ...env, ROHRPOST_START_PAUSED: '1', ROHRPOST_DURABILITY: 'disk' });
    await eventually(() => {
      expect([started.child.exitCode, started.log.join('\n')]).toEqual([null, expect.stringContaining(READY[app])]);
      expect(Object.fromEntries(broken)).toEqual(Object.fromEntries(QUESTIONS[app].map((one) => [one, TIMES])));
    });
    if (app !== 'smtp')
      await eventually(() => expect(started.log.join()).toContain('nothing is sent until POST /v1/resume'));
    expect(await started.end('SIGTERM')).toBe(0);
  });

  test('a Redis that cannot do what ROHRPOST_DURABILITY asks for is final', async () => {
    await redis.config('SET', 'appendfsync', 'everysec');
    const started = launchProcess(app, { ...env, ROHRPOST_DURABILITY: 'disk' });
    expect(await once(started.child, 'exit')).toEqual([1, null]);
    expect(started.log.join()).toContain('set appendonly yes, appendfsync always');
  });
});

test('the API: an answer that does not come in time is asked for again', async () => {
  proxy.onRequest = (chunk) => {
    if (chunk.includes('rohrpost:pause')) proxy.freeze();
    return 'pass';
  };
  const started = launchProcess('api', { ...env, ROHRPOST_START_PAUSED: '1' });
  await eventually(() => expect(started.log.join()).toContain('Command timed out'));
  proxy.onRequest = undefined;
  proxy.thaw();
  await eventually(() => expect(started.log.join()).toContain('nothing is sent until POST /v1/resume'));
  expect(await started.end('SIGTERM')).toBe(0);
});

test.each(['api', 'worker'] as const)(
  '%s: a Redis that is full where the pause is written is waited for',
  async (app) => {
    await redis.config('SET', 'maxmemory', '1');
    const started = launchProcess(app, { ...env, ROHRPOST_START_PAUSED: '1' });
    await eventually(() => expect(started.log.join()).toMatch(/OOM.*waiting for it/));
    expect(started.child.exitCode).toBeNull();
    await redis.config('SET', 'maxmemory', '0');
    await eventually(() => expect(started.log.join()).toContain('nothing is sent until POST /v1/resume'));
    expect(await started.end('SIGTERM')).toBe(0);
  },
);

test('a backup in a Redis that is full: no worker sends before the pause could be written', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await mkdir(join(service.dataDir, 'content'), { recursive: true });
  await writeFile(
    join(service.dataDir, 'content', 'epoch'),
    JSON.stringify({ id: 'that of before', count: 7, at: '2030-01-01T00:00:00.000Z' }),
  );
  // Full from the moment on in which the epochs are compared.
  const compared = deferred();
  proxy.onRequest = (chunk) => {
    if (chunk.includes('rohrpost:epoch')) {
      proxy.freeze();
      compared.resolve();
    }
    return 'pass';
  };
  const waiting = launchProcess('worker', env);
  await compared.promise;
  proxy.onRequest = undefined;
  await redis.config('SET', 'maxmemory', '1');
  proxy.thaw();
  await eventually(() => expect(waiting.log.join()).toMatch(/OOM.*waiting for it/));
  await redis.config('SET', 'maxmemory', '0');
  await eventually(() => expect(waiting.log.join()).toContain('worker ready'));
  // One more, so that its look at the queues is over: it would have taken the email.
  const other = await startProcess('worker', env);
  expect((await service.email(queue, id)).state).toBe('queued');
  expect(smtp.messages).toHaveLength(0);
  expect(await service.ok('GET', '/v1/pause')).toMatchObject({ paused: true, doubt: 'behind' });
  expect([await waiting.end('SIGTERM'), await other.end('SIGTERM')]).toEqual([0, 0]);
});
