// Redis over TLS: with its authority every process works, by one server, by Sentinels, in a cluster; what is wrong is told with what to set.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/processes/free-port';
import { launchProcess, serviceEnv, startProcess, type App } from '../../support/processes/process';
import { ask, startRedisCluster } from '../../support/redis/redis-cluster';
import { freeTlsPort, TLS_FILES } from '../../support/redis/tls-redis';
import { startTestRedis } from '../../support/redis/test-redis';
import { OPERATOR_KEY } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';
import type { RedisServer } from '../../../dev/redis';

let folder: string;
let server: RedisServer;
let tlsPort: number;
let smtp: SmtpServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rohrpost-tls-'));
  smtp = await startSmtpServer();
  const { port, lines } = await freeTlsPort();
  tlsPort = port;
  server = await startTestRedis({
    dataDir: join(folder, 'one'),
    plain: true,
    extra: [...lines, 'bind 127.0.0.1 127.0.0.2'],
  });
});
afterAll(async () => {
  await server.stop();
  await smtp.close();
  await rm(folder, { recursive: true, force: true });
});

const urlOf = (port: number, scheme = 'rediss', host = 'localhost'): string =>
  `${scheme}://:${server.password}@${host}:${port}`;

const envOf = async (url: string, ca: string): Promise<NodeJS.ProcessEnv> => ({
  ...serviceEnv(url, folder),
  ROHRPOST_REDIS_CA: ca,
  ROHRPOST_SMTP_PORT: String(await freePort()),
});

/** API, worker and mail by SMTP, and one email through the first two. */
const sendThrough = async (env: NodeJS.ProcessEnv): Promise<void> => {
  const [api, worker, door] = await Promise.all([
    startProcess('api', env),
    startProcess('worker', env),
    startProcess('smtp', env),
  ]);
  const before = smtp.messages.length;
  const call = async (method: string, path: string, body: unknown): Promise<number> => {
    const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${api.port}/v1/${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    });
    return answer.status;
  };
  await eventually(async () => expect(await call('PUT', 'tenants/acme', {})).toBeLessThan(300));
  const transport = { host: '127.0.0.1', port: smtp.port, security: 'none' };
  expect(await call('PUT', 'tenants/acme/transports/main', transport)).toBeLessThan(300);
  const queue = { transport: 'main', from: 'app@acme.example' };
  expect(await call('PUT', 'queues/acme/app', queue)).toBeLessThan(300);
  const email = { to: ['ann@example.org'], subject: 'x', text: 'x' };
  expect(await call('POST', 'queues/acme/app/emails', email)).toBe(202);
  await eventually(() => expect(smtp.messages).toHaveLength(before + 1));
  for (const started of [api, worker, door]) expect(await started.end('SIGTERM')).toBe(0);
};

test('the right authority: API, worker and mail by SMTP work, and speak TLS', async () => {
  await sendThrough(await envOf(urlOf(tlsPort), TLS_FILES.ca));
});

test.each<[App, string, () => Promise<NodeJS.ProcessEnv>, string]>([
  ['api', 'another authority', () => envOf(urlOf(tlsPort), TLS_FILES.otherCa), 'in ROHRPOST_REDIS_CA'],
  ['worker', 'another authority', () => envOf(urlOf(tlsPort), TLS_FILES.otherCa), 'in ROHRPOST_REDIS_CA'],
  ['smtp', 'another authority', () => envOf(urlOf(tlsPort), TLS_FILES.otherCa), 'in ROHRPOST_REDIS_CA'],
  // The same machine, by a name that the certificate does not have.
  ['api', 'another name', () => envOf(urlOf(tlsPort, 'rediss', '127.0.0.2'), TLS_FILES.ca), 'name it in REDIS_URL'],
  ['worker', 'a port without TLS', () => envOf(urlOf(server.port), TLS_FILES.ca), 'without the second s'],
])('%s, %s: it waits, and says what to set', async (app, _, env, sentence) => {
  const started = launchProcess(app, await env());
  await eventually(() => expect(started.log.join('\n')).toContain(sentence));
  expect(started.child.exitCode).toBeNull();
  expect(await started.end('SIGTERM')).toBe(0);
});

test('a Redis that wants certificates of its clients says so', async () => {
  await ask(server, 'CONFIG', 'SET', 'tls-auth-clients', 'yes');
  const started = launchProcess('worker', await envOf(urlOf(tlsPort), TLS_FILES.ca));
  await eventually(() => expect(started.log.join('\n')).toContain('tls-auth-clients no'));
  await ask(server, 'CONFIG', 'SET', 'tls-auth-clients', 'no');
  await eventually(() => expect(started.log.join('\n')).toContain('worker ready'));
  expect(await started.end('SIGTERM')).toBe(0);
});

test('a cluster, of which every connection is over TLS', async () => {
  const { port, lines } = await freeTlsPort();
  // Without tls-cluster a node names its other port to whoever asks.
  const cluster = await startRedisCluster({
    dataDir: join(folder, 'cluster'),
    primaries: 1,
    extra: [
      ...lines,
      'tls-cluster yes',
      'cluster-announce-hostname localhost',
      'cluster-preferred-endpoint-type hostname',
    ],
  });
  const url = `rediss-cluster://:${cluster.password}@localhost:${port}`;
  await sendThrough(await envOf(url, TLS_FILES.ca));
  const other = launchProcess('worker', await envOf(url, TLS_FILES.otherCa));
  await eventually(() => expect(other.log.join('\n')).toContain('in ROHRPOST_REDIS_CA'));
  expect(await other.end('SIGTERM')).toBe(0);
  await cluster.stop();
});
