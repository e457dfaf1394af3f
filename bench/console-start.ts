// How fast are the console's start page and statistics with ten thousand queues, while their numbers are being read again and again?
import { setTimeout as pause } from 'node:timers/promises';
import { queueName } from '../libs/mail/address/queue-address';
import { HOURS, talliesKey } from '../libs/jobs/traces/tallies';
import { KEYS, queueKeys, tenantKeys } from '../libs/store/redis/keys';
import { quantile, shown } from './support/figures';
import type { Lab } from './support/lab';
import { bench, type Row } from './support/run';

const MOST_P99 = 100;
const TENANTS = 100;
/** Every so-manieth queue is paused. */
const PAUSED = 50;
const EVERY_MS = 50;

/** Queues that sent and failed in each of the last 24 hours. */
const fillQueues = async ({ client }: Lab, queues: number): Promise<void> => {
  const now = Date.now();
  const [createdAt, updatedAt] = [new Date(now).toISOString(), new Date(now).toISOString()];
  for (let n = 0; n < queues; n++) {
    const address = { tenant: `t${n % TENANTS}`, application: `app-${Math.floor(n / TENANTS)}` };
    const isPaused = n % PAUSED === 0;
    const record = { settings: isPaused ? { enabled: false } : {}, createdAt, updatedAt };
    const pipeline = client.pipeline();
    pipeline.hset(KEYS.tenants, address.tenant, JSON.stringify({ settings: {}, createdAt, updatedAt }));
    pipeline.hset(tenantKeys(address.tenant).queues, address.application, JSON.stringify(record));
    if (isPaused) pipeline.zadd(KEYS.paused, now, queueName(address));
    const { bull } = queueKeys(address);
    for (let back = 0; back < 24; back++) {
      const hour = Math.floor(now / HOURS.ms) - back;
      const fields = [`${hour}adefault`, 9, `${hour}sdefault`, 8, `${hour}fdefault`, 1, `${hour}mdefault`, 900];
      pipeline.hset(bull + talliesKey(HOURS, hour), ...fields, `${hour}0:default`, 8);
    }
    await pipeline.exec();
  }
};

interface Asked {
  times: number[];
  /** How old the numbers were at most, ms. */
  oldest: number;
}

const askPage = async (url: string, cookie: string, count: number): Promise<number[]> => {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    const response = await fetch(url, { headers: { cookie } });
    await response.text();
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
    times.push(performance.now() - begun);
    await pause(EVERY_MS);
  }
  return times;
};

const askOverview = async (lab: Lab, api: Awaited<ReturnType<Lab['start']>>, count: number): Promise<Asked> => {
  const asked: Asked = { times: [], oldest: 0 };
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    const { numbers } = await lab.call<{ numbers?: { at: string } }>(api, 'GET', '/overview');
    asked.times.push(performance.now() - begun);
    if (numbers !== undefined) asked.oldest = Math.max(asked.oldest, Date.now() - Date.parse(numbers.at));
    await pause(EVERY_MS);
  }
  return asked;
};

const row = (name: string, times: number[]): Row => {
  const p99 = quantile(times, 0.99);
  return {
    name,
    ours: `p50 ${shown([quantile(times, 0.5)], ' ms')}, p99 ${shown([p99], ' ms')}`,
    baseline: '',
    ratio: '',
    reach: `p99 <= ${MOST_P99} ms`,
    met: p99 <= MOST_P99,
  };
};

bench(
  'How fast are the start page and the statistics of the console?',
  { quick: { queues: 1_000, pages: 100 }, usual: { queues: 10_000, pages: 400 } },
  async (lab, { queues, pages }) => {
    const api = await lab.start('api');
    await fillQueues(lab, queues);
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'operator' });
    const url = `http://127.0.0.1:${api.hello.port}`;
    const signedIn = await fetch(`${url}/session`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ key }),
    });
    const cookie = signedIn.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const start = await askPage(`${url}/`, cookie, pages);
    const overview = await askOverview(lab, api, pages);
    const statistics = await askPage(`${url}/statistics`, cookie, Math.ceil(pages / 20));
    const ofTenant = await askPage(`${url}/statistics?place=t1&by=hour`, cookie, Math.ceil(pages / 4));
    return [
      row(`start page, ${queues} queues`, start),
      row('GET /v1/overview', overview.times),
      {
        name: 'its numbers',
        ours: `at most ${shown([overview.oldest / 1_000], ' s')} old`,
        baseline: '',
        ratio: '',
        reach: '',
      },
      row('statistics of all', statistics),
      row('statistics of a tenant', ofTenant),
    ];
  },
);
