// The alerts, as Prometheus' own tool evaluates them against what was scraped while each thing was so.
import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { openClient } from '../support/redis/test-redis';
import { untilState } from '../support/emails';
import { scrape, type Scrape } from '../support/http/scrape';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { eventually } from '../support/wait';

const RULES = join(__dirname, '../../deploy/prometheus/rules.yml');
const MINUTES = 20;

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let emails: string;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port, { onUncertain: 'hold' }));
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await smtp.close();
});

const promtool = (args: string[], input?: string): string => {
  const path = process.env['ROHRPOST_TEST_PROMTOOL'] ?? '';
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: 'utf8', input, timeout: 60_000 });
  return `${status} ${stdout}${stderr}`;
};

/** What promtool says to these alerts, and no others, being on after these series have stood for a while. */
const evaluated = async ({ series }: Pick<Scrape, 'series'>, alerts: string[]): Promise<string> => {
  const own = [...series].filter(([name]) => name.startsWith('rohrpost_'));
  const tests = {
    rule_files: [RULES],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: own.map(([name, value]) => ({
          series: name,
          values: new Array<number>(MINUTES).fill(value).join(' '),
        })),
        promql_expr_test: [
          {
            expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: `${MINUTES - 1}m`,
            exp_samples: alerts.map((name) => ({ labels: `{alertname="Rohrpost${name}"}`, value: 1 })),
          },
        ],
      },
    ],
  };
  const file = join(await mkdtemp(join(service.dataDir, 'rules-')), 'tests.yml');
  await writeFile(file, JSON.stringify(tests));
  return promtool(['test', 'rules', file]);
};

/** Scrapes until exactly these alerts would be on. */
const untilOn = (alerts: string[]): Promise<void> =>
  eventually(async () => expect(await evaluated(await scrape(service.api.port), alerts)).toMatch(/^0 .*SUCCESS/s), {
    timeout: 30_000,
    every: 1_000,
  });

test('the rules are rules, and what is scraped is as it should be', async () => {
  expect(promtool(['check', 'rules', RULES])).toMatch(/^0 .*SUCCESS/s);
  const { text } = await scrape(service.api.port);
  // What prom-client says of Node's own is its own affair.
  const own = text.split('\n').filter((line) => line.includes('rohrpost_'));
  expect(promtool(['check', 'metrics'], `${own.join('\n')}\n`)).toBe('0 ');
});

test('each alert comes with what it is about, and with nothing else', async () => {
  await untilOn(['WorkerMissing']);

  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ sendAt: new Date(Date.now() + 3_600_000) }));
  // As if it had been due for ten minutes: its time in BullMQ's set and in the schedule.
  await redis.zadd('rohrpost:{acme.app}:acme.app:delayed', (Date.now() - 600_000) * 4_096, id);
  await redis.zadd('rohrpost:{fleet}:due', 0, 'acme.app');
  await untilOn(['WorkerMissing', 'QueueLate']);

  await service.addWorker();
  await untilOn([]);

  smtp.setScript({ dot: () => ({ action: 'close' }) });
  const uncertain = await service.ok<EmailBody>('POST', emails, anEmail());
  await untilState(service, 'acme/app', uncertain.id, 'uncertain');
  await untilOn(['UncertainWaiting']);
  smtp.setScript({});
  await service.ok('POST', `${emails}/${uncertain.id}/resolve`, { as: 'sent' });
  await untilOn([]);

  await redis.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await untilOn(['RedisUnfit']);
  const [, used = ''] = /^used_memory:(\d+)/m.exec(await redis.info('memory')) ?? [];
  const most = String(Math.round(Number(used) / 0.88));
  await redis.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', most);
  await untilOn(['RedisFilling']);
  await redis.call('CONFIG', 'SET', 'maxmemory', '0');

  const down = await setUpQueue(service, 'down/app', 1);
  for (let sent = 0; sent < 8; sent++) await service.ok('POST', down.emails, anEmail());
  await untilOn(['TransportDown']);

  expect(await evaluated({ series: new Map() }, ['ApiMissing'])).toMatch(/^0 .*SUCCESS/s);
}, 180_000);
