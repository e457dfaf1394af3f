// The first and the last moments of a process: Redis comes late, signals come early, clients are busy, servers are slow.
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { openClient } from '../../support/redis/test-redis';
import { startRedis } from '../../../dev/redis';
import { showTable } from '../../support/fault';
import { launchProcess, serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { startProxy } from '../../support/redis/tcp-proxy';
import { eventually } from '../../support/wait';

let service: Service;
let smtp: SmtpServer;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
  env = serviceEnv(service.redis.url, service.dataDir);
});
afterEach(async () => {
  await service.close();
  await smtp.close();
});

const statusOf = async (port: number, path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${port}${path}`)).status;

/** Nobody listens there. */
const NO_REDIS = 'redis://127.0.0.1:1';

/** Waits for a process that was told nothing yet, and has done nothing yet. */
const hearsSigterm = async ({ log }: Omit<ServiceProcess, 'port'>): Promise<void> => {
  await eventually(() => expect(log).toContain('hears SIGTERM'));
  expect(log).toEqual(['hears SIGTERM']);
};

describe.each(['api', 'worker'] as const)('%s', (app) => {
  test('SIGTERM before anything is loaded, and while it waits for Redis', async () => {
    const early = launchProcess(app, env, 'tell-handlers.mjs');
    await hearsSigterm(early);
    expect(await early.end('SIGTERM')).toBe(0);
    const waiting = launchProcess(app, { ...env, REDIS_URL: NO_REDIS });
    await eventually(() => expect(waiting.log.join()).toContain('Redis is away'));
    const begun = Date.now();
    expect(await waiting.end('SIGINT')).toBe(0);
    expect(Date.now() - begun).toBeLessThan(5_000);
  });

  test('a Redis that comes, goes and refuses while it starts is waited for; another format is final', async () => {
    const proxy = await startProxy({ host: '127.0.0.1', port: service.redis.port });
    let [alive, gone] = [false, 0];
    // It answers, and is away at the first question about what it holds.
    proxy.onRequest = (chunk) => {
      if (alive || !chunk.includes('rohrpost:format')) return 'pass';
      gone++;
      return 'cut';
    };
    const started = launchProcess(app, {
      ...env,
      REDIS_URL: `redis://:${service.redis.password}@127.0.0.1:${proxy.port}/0`,
    });
    await eventually(() => expect(gone).toBeGreaterThan(3));
    alive = true;
    await eventually(() => expect(started.log.join()).toContain(`${app} ready`));
    expect(started.child.exitCode).toBeNull();
    expect(await started.end('SIGTERM')).toBe(0);
    await proxy.close();
    const redis = openClient(service.redis.url);
    await redis.set('rohrpost:format', 999);
    const other = launchProcess(app, env);
    expect(await once(other.child, 'exit')).toEqual([1, null]);
    expect(other.log.join()).toContain('format 999');
    redis.disconnect();
  });

  test('beside another bullmq than the tested one it says so, and ends before it does anything', async () => {
    const redis = openClient(service.redis.url);
    const before = await redis.dbsize();
    const other = launchProcess(app, env, 'other-bullmq.mjs');
    expect(await once(other.child, 'exit')).toEqual([78, null]);
    expect(other.log).toEqual([
      expect.stringMatching(
        /^bullmq 6\.99\.0 is installed, .* tested with bullmq \d+\.\d+\.\d+ alone\. .*npm ci/,
      ) as string,
    ]);
    expect(await redis.dbsize()).toBe(before);
    redis.disconnect();
  });

  test('Redis away while it stops: it ends in time, with exit code 0', async () => {
    const folder = await mkdtemp(join(service.dataDir, 'other-'));
    const redis = await startRedis({ dataDir: folder });
    const started = await startProcess(app, { ...serviceEnv(redis.url, folder), ROHRPOST_GRACE: '4s' });
    await redis.kill('SIGKILL');
    const begun = Date.now();
    expect(await started.end('SIGTERM')).toBe(0);
    expect(Date.now() - begun).toBeLessThan(6_000);
  });
});

/** A client over one connection that it keeps, asking again at once until nobody listens any more. */
const askUntilRefused = async (port: number, path: string, body: string) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
  const seen = { answers: 0, last: '', fault: '' };
  while (seen.fault === '') {
    try {
      const asked = request({ port, path, method: 'POST', agent, headers });
      asked.end(body);
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(202);
      seen.last = response.headers.connection ?? '';
      for await (const chunk of response) expect(chunk).toBeDefined();
      seen.answers++;
    } catch (error) {
      seen.fault = (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }
  agent.destroy();
  return seen;
};

test('SIGTERM of the API: readyz says 503 first, busy clients are told to leave, none is cut off', async () => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port, { enabled: false });
  const api = await startProcess('api', env);
  await eventually(async () => expect(await statusOf(api.port, '/readyz')).toBe(200));
  const clients = Array.from({ length: 16 }, () => askUntilRefused(api.port, emails, JSON.stringify(anEmail())));
  // One that is idle, and one whose upload is under way.
  const idle = connect(api.port);
  const left = once(idle, 'close');
  const upload = request({
    port: api.port,
    path: emails.replace(/emails$/, 'content'),
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
  });
  const uploaded = once(upload, 'response') as Promise<[IncomingMessage]>;
  upload.write('the first half, ');
  await eventually(() => expect(idle.readyState).toBe('open'));
  const exit = once(api.child, 'exit');
  api.child.kill('SIGTERM');
  await eventually(async () => expect(await statusOf(api.port, '/readyz')).toBe(503));
  expect(await statusOf(api.port, '/livez')).toBe(200);
  const seen = await Promise.all(clients);
  await left;
  upload.end('and the second');
  const [answer] = await uploaded;
  expect([answer.statusCode, answer.headers.connection]).toEqual([201, 'close']);
  expect(await exit).toEqual([0, null]);
  showTable('stopping the API', [
    { clients: 16, answers: seen.reduce((sum, { answers }) => sum + answers, 0), resets: 0 },
  ]);
  expect(new Set(seen.map(({ fault }) => fault))).toEqual(new Set(['ECONNREFUSED']));
  expect(new Set(seen.map(({ last }) => last))).toEqual(new Set(['close']));
});

test('a long upload ends with the grace, and a second signal ends the API at once', async () => {
  await setUpQueue(service, 'acme/app', smtp.port);
  for (const [signals, code] of [
    [1, 0],
    [2, 130],
  ] as const) {
    const api = await startProcess('api', { ...env, ROHRPOST_GRACE: signals === 1 ? '3s' : '1m' });
    await eventually(async () => expect(await statusOf(api.port, '/readyz')).toBe(200));
    const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
    const path = '/v1/queues/acme/app/content';
    const upload = request({ port: api.port, path, method: 'POST', headers }).on('error', () => undefined);
    upload.write('and so on, ');
    await once(upload, 'socket');
    const begun = Date.now();
    const exit = once(api.child, 'exit');
    api.child.kill('SIGTERM');
    await eventually(async () => expect(await statusOf(api.port, '/readyz')).toBe(503));
    if (signals === 2) api.child.kill('SIGTERM');
    expect(await exit).toEqual([code, null]);
    expect(Date.now() - begun).toBeLessThan(5_000);
  }
});

test('a worker in a long dialogue, with a server being tried that never greets: the email has the whole grace', async () => {
  const { queue, emails } = await setUpQueue(service, 'acme/app', smtp.port);
  const silent = await startSmtpServer({ script: { connect: () => ({ action: 'stall' }) } });
  await service.ok('PUT', '/v1/tenants/acme/transports/silent', {
    host: '127.0.0.1',
    port: silent.port,
    security: 'none',
  });
  smtp.setScript({ dot: () => ({ delay: 2_500 }) });
  const probe = await startProxy({ host: '127.0.0.1', port: 1 });
  await probe.close();
  const worker = await startProcess('worker', {
    ...env,
    ROHRPOST_GRACE: '5s',
    ROHRPOST_PROBE_PORT: String(probe.port),
  });
  expect(await statusOf(probe.port, '/readyz')).toBe(200);
  // As the API orders it, which would wait for the answer.
  const orders = new Queue('_verify', { prefix: 'rohrpost:{_verify}', connection: { url: service.redis.url } });
  await orders.add('verify', { tenant: 'acme', transport: 'silent' });
  await eventually(() => expect(silent.connections).toBe(1));
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
  await eventually(() => expect(smtp.commands).toContain('DATA'));
  const exit = once(worker.child, 'exit');
  worker.child.kill('SIGTERM');
  await eventually(async () => expect(await statusOf(probe.port, '/readyz')).toBe(503));
  expect(await statusOf(probe.port, '/livez')).toBe(200);
  expect(await exit).toEqual([0, null]);
  const email = await service.email(queue, id);
  expect([email.state, email.attemptsMade, smtp.messages.length]).toEqual(['sent', 1, 1]);
  await silent.close();
  await orders.close();
});
