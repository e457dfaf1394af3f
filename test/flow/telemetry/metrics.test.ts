// What Prometheus is told by real processes: each number moves when its thing happens, and labels stay within bounds.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createQueueLabels, MOST_QUEUES } from '../../../libs/runtime/telemetry/queue-labels';
import { createMetrics } from '../../../libs/runtime/telemetry/metrics';
import { createRequestMetrics } from '../../../apps/api/telemetry/api-metrics';
import { FAILURE_CODES } from '../../../libs/mail/email/failure';
import { STATES } from '../../../libs/mail/email/state';
import { scrape, parseScrape, type Scrape } from '../../support/http/scrape';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { freePort } from '../../support/processes/free-port';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const ROOT = join(__dirname, '../../..');

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let env: NodeJS.ProcessEnv;
let api: ServiceProcess;
let worker: ServiceProcess;
let probePort: number;
let emails: string;

beforeAll(async () => {
  smtp = await startSmtpServer({
    script: { rcpt: ({ recipient = '' }) => (recipient.startsWith('nobody') ? '550 5.1.1 unknown' : undefined) },
  });
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
  env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_STOP_DELAY: '1ms' };
  probePort = await freePort();
  api = await startProcess('api', env);
  worker = await startProcess('worker', { ...env, ROHRPOST_PROBE_PORT: String(probePort), ROHRPOST_CONCURRENCY: '7' });
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port, { attempts: 1, onUncertain: 'hold' }));
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);
  await service.close();
  await smtp.close();
});

const post = async (path: string, body: object): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return ((await response.json()) as EmailBody).id;
};
const until = (port: number, holds: (told: Scrape) => void) =>
  eventually(
    async () => {
      const told = await scrape(port);
      holds(told);
      return told;
    },
    { timeout: 20_000, every: 100 },
  );

test('what is accepted, sent, refused, deferred and uncertain is counted, each once', async () => {
  await post(emails, anEmail());
  await post(emails, anEmail({ to: ['nobody@example.org'] }));
  await post(`${emails}/batch`, { emails: [anEmail(), anEmail({ to: [] })] });
  await post(emails, anEmail({ expiresAfter: '1ms', sendAt: new Date(Date.now() + 300).toISOString() }));
  await until(probePort, ({ series }) => {
    expect(series.get('rohrpost_emails_ended_total{code="",state="sent"}')).toBe(2);
    expect(series.get('rohrpost_emails_ended_total{code="refused",state="failed"}')).toBe(1);
    expect(series.get('rohrpost_emails_ended_total{code="expired",state="expired"}')).toBe(1);
  });
  smtp.setScript({ dot: () => ({ action: 'close' }) });
  await post(emails, anEmail());
  await until(probePort, ({ series }) =>
    expect(series.get('rohrpost_emails_ended_total{code="uncertain",state="uncertain"}')).toBe(1),
  );
  smtp.setScript({ mail: () => '451 4.7.1 later' });
  await post(emails, anEmail({ attempts: 2, backoff: { type: 'fixed', delay: '1h' } }));
  const told = await until(probePort, ({ series }) =>
    expect(series.get('rohrpost_attempts_total{outcome="deferred"}')).toBe(1),
  );
  smtp.setScript({});
  const of = (name: string): number | undefined => told.series.get(name);
  expect(of('rohrpost_attempts_total{outcome="sent"}')).toBe(2);
  expect(of('rohrpost_attempts_total{outcome="refused"}')).toBe(1);
  expect(of('rohrpost_attempts_total{outcome="uncertain"}')).toBe(1);
  expect(of('rohrpost_due_to_sent_seconds_count')).toBe(2);
  expect(of('rohrpost_smtp_phase_seconds_count{phase="connect"}')).toBeGreaterThan(0);
  expect(of('rohrpost_smtp_phase_seconds_count{phase="dot"}')).toBe(3);
  expect(of('rohrpost_redis_up')).toBe(1);
  expect(Math.abs(of('rohrpost_clock_skew_seconds') ?? NaN)).toBeLessThan(1);
  const places = ['free', 'busy'].map((state) => of(`rohrpost_places{state="${state}"}`) ?? 0);
  expect(places).toEqual([7, 0]);

  const ofApi = await scrape(api.port);
  expect(ofApi.series.get('rohrpost_emails_accepted_total')).toBe(6);
  const answered = 'rohrpost_http_request_duration_seconds_count';
  expect(ofApi.series.get(`${answered}{operation="acceptEmail",status="202"}`)).toBe(5);
  expect(ofApi.series.get(`${answered}{operation="acceptBatch",status="202"}`)).toBe(1);
});

test('how the installation stands is told by the API: states, workers, a late queue, a transport that is down, Redis', async () => {
  await until(api.port, ({ series }) => {
    expect(series.get('rohrpost_emails{state="uncertain"}')).toBe(1);
    expect(series.get('rohrpost_emails{state="sent"}')).toBe(2);
    expect(series.get('rohrpost_waiting_emails')).toBe(1);
    expect(series.get('rohrpost_workers')).toBe(1);
    expect(series.get('rohrpost_redis_fit')).toBe(1);
    expect(series.get('rohrpost_redis_memory_used_ratio')).toBeUndefined();
  });
  await redis.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '1gb');
  const down = await setUpQueue(service, 'down/app', 1, { attempts: 20, backoff: { type: 'fixed', delay: '1s' } });
  for (let sent = 0; sent < 8; sent++) await post(down.emails, anEmail());
  await until(probePort, ({ series }) => expect(series.get('rohrpost_breaker_changes_total{change="opened"}')).toBe(1));
  await until(api.port, ({ series }) => {
    expect(series.get('rohrpost_transports{state="open"}')).toBe(1);
    expect(series.get('rohrpost_redis_fit')).toBe(0);
    expect(series.get('rohrpost_redis_memory_used_ratio')).toBeGreaterThan(0);
  });
  await redis.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '0');
});

test('every metric of the dashboard and the rules is told, in the text that Prometheus reads', async () => {
  const told = [await scrape(api.port), await scrape(probePort)];
  const names = new Set(told.flatMap(({ text }) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)));
  const files = ['deploy/grafana/rohrpost.json', 'deploy/prometheus/rules.yml'];
  for (const file of files) {
    const used = readFileSync(join(ROOT, file), 'utf8').match(/\b(?:rohrpost|process|nodejs)_[a-z0-9_]+/g) ?? [];
    const series = used.map((name) => name.replace(/_(?:bucket|count|sum)$/, ''));
    expect([file, series.filter((name) => !names.has(name))]).toEqual([file, []]);
  }
  const page = readFileSync(join(ROOT, 'docs/monitoring.md'), 'utf8');
  const own = [...names].filter((name) => name?.startsWith('rohrpost_'));
  expect(own.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  const told2 = [...page.matchAll(/^\| `(rohrpost_[a-z_]+)/gm)].map(([, name = '']) => name);
  expect(told2.filter((name) => !names.has(name))).toEqual([]);
});

test('labels come from closed lists: nothing that a client writes becomes a series', async () => {
  const before = (await scrape(api.port)).series.size;
  for (const path of ['/v1/queues/x/y/emails/z', '/nowhere-1', '/v1/nowhere-2', '/console/3?a=4', '/board/5'])
    await fetch(`http://127.0.0.1:${api.port}${path}`).then((response) => response.text());
  const all = [...(await scrape(api.port)).series, ...(await scrape(probePort)).series].map(([name]) => name);
  expect(all.filter((name) => /nowhere|acme|tenant=|@/.test(name))).toEqual([]);
  expect(all.length).toBeLessThan(before * 3);
  const valuesOf = (label: string) => [
    ...new Set(all.flatMap((name) => [...name.matchAll(new RegExp(`${label}="([^"]*)"`, 'g'))].map(([, one]) => one))),
  ];
  const places = ['free', 'busy', 'waiting', 'open', 'recovering'];
  expect(valuesOf('state').filter((one = '') => ![...STATES, ...places].includes(one))).toEqual([]);
  expect(valuesOf('code').filter((one = '') => !['', ...FAILURE_CODES].includes(one))).toEqual([]);
});

test('tenants are told where a setting says so: 500 queues, and the others together', async () => {
  const metrics = createMetrics('api');
  const { accepted } = createRequestMetrics(metrics, true);
  for (let number = 0; number < 10_000; number++) accepted({ tenant: `t${number}`, application: 'app' });
  const { series } = parseScrape(await metrics.text());
  const told = [...series].filter(([name]) => name.startsWith('rohrpost_emails_accepted_total'));
  expect(told.length).toBe(MOST_QUEUES + 1);
  expect(series.get('rohrpost_emails_accepted_total{application="other",tenant="other"}')).toBe(10_000 - MOST_QUEUES);
  expect(createQueueLabels(false).of({ tenant: 'acme', application: 'app' })).toEqual({});

  const port = await freePort();
  const named = await startProcess('worker', {
    ...env,
    ROHRPOST_PROBE_PORT: String(port),
    ROHRPOST_METRICS_TENANTS: 'true',
  });
  await worker.end('SIGTERM');
  await post(emails, anEmail());
  const sent = 'rohrpost_emails_ended_total{application="app",code="",state="sent",tenant="acme"}';
  try {
    await until(port, (answer) => expect(answer.series.get(sent)).toBe(1));
  } finally {
    await named.end('SIGTERM');
  }
});

test('without a worker, and without Redis: what is known is told, and at once', async () => {
  await until(api.port, ({ series }) => expect(series.get('rohrpost_workers')).toBe(0));
  const alone = await startProcess('api', { ...env, REDIS_URL: 'redis://127.0.0.1:1' });
  const told = await scrape(alone.port);
  await alone.end('SIGTERM');
  expect(told.series.get('rohrpost_redis_up')).toBe(0);
  expect(told.series.get('rohrpost_redis_fit')).toBe(0);
  // What nobody knows is left out, not 0: an alert on it would be a lie.
  for (const name of ['rohrpost_workers', 'rohrpost_due_emails', 'rohrpost_emails{state="uncertain"}'])
    expect([name, told.series.get(name)]).toEqual([name, undefined]);
});
