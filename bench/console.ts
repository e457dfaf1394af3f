// How fast are the pages of the console, with a million emails in one history, ten thousand queues and 40,000 failures?
import { setTimeout as pause } from 'node:timers/promises';
import { queueName } from '../libs/mail/address/queue-address';
import { HOURS, talliesKey } from '../libs/jobs/traces/tallies';
import { KEYS, queueKeys, tenantKeys } from '../libs/store/redis/keys';
import { eventually } from '../test/support/wait';
import type { Child } from './support/child';
import { quantile, shown } from './support/figures';
import { EACH, fillHistory, fillQueues, TENANTS } from './support/installation';
import type { Lab } from './support/lab';
import { recipientOf } from './support/mail';
import { bench, type Row } from './support/run';

const MOST_P99 = 100;
/** Of the pages that gather what failed. */
const MOST_P99_INCIDENTS = 200;
/** Every so-manieth queue is paused. */
const PAUSED = 50;
const EVERY_MS = 20;
const BATCH = 500;
/** Templates that each break in their own way. */
const CAUSES = 3;

/** Queues that sent and failed in each of the last 24 hours; some of them are paused. */
const countQueues = async ({ client }: Lab, queues: number): Promise<void> => {
  const now = Date.now();
  for (let n = 0; n < queues; n++) {
    const address = { tenant: `t${n % TENANTS}`, application: `app-${Math.floor(n / TENANTS)}` };
    const pipeline = client.pipeline();
    if (n % PAUSED === 0) {
      const at = new Date(now).toISOString();
      const record = { settings: { enabled: false }, createdAt: at, updatedAt: at };
      pipeline.hset(tenantKeys(address.tenant).queues, address.application, JSON.stringify(record));
      pipeline.zadd(KEYS.paused, now, queueName(address));
    }
    const { bull } = queueKeys(address);
    for (let back = 0; back < 24; back++) {
      const hour = Math.floor(now / HOURS.ms) - back;
      const fields = [`${hour}adefault`, 9, `${hour}sdefault`, 8, `${hour}fdefault`, 1, `${hour}mdefault`, 900];
      pipeline.hset(bull + talliesKey(HOURS, hour), ...fields, `${hour}0:default`, 8);
    }
    await pipeline.exec();
  }
};

/** Emails that a worker really tries and that fail, for a few causes. */
const failMany = async (lab: Lab, api: Child, failures: number): Promise<void> => {
  for (let cause = 0; cause < CAUSES; cause++) {
    const template = { subject: 'Broken', text: `<%= it.customer.missing${cause}.name %>` };
    await lab.call(api, 'PUT', `/tenants/acme/templates/broken-${cause}`, template);
  }
  const worker = await lab.start('worker');
  for (let from = 0; from < failures; from += BATCH) {
    const emails = Array.from({ length: Math.min(BATCH, failures - from) }, (_, k) => ({
      to: recipientOf(k),
      template: `broken-${(from + k) % CAUSES}`,
      data: { customer: { number: from + k } },
    }));
    await lab.call(api, 'POST', '/queues/acme/failing/emails/batch', { emails });
  }
  await eventually(
    async () => {
      const { counts } = await lab.call<{ counts: Record<string, number> }>(api, 'GET', '/queues/acme/failing');
      if (counts['failed'] !== failures) throw new Error(`${counts['failed']} of ${failures} have failed`);
    },
    { timeout: 600_000, every: 500 },
  );
  await worker.end();
};

const signIn = async (url: string, key: string): Promise<string> => {
  const answer = await fetch(`${url}/session`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ key }),
  });
  return answer.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
};

const askPage = async (url: (n: number) => string, cookie: string, count: number): Promise<number[]> => {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    const response = await fetch(url(n), { headers: { cookie } });
    await response.text();
    if (response.status !== 200) throw new Error(`${url(n)} answered ${response.status}`);
    times.push(performance.now() - begun);
    await pause(EVERY_MS);
  }
  return times;
};

const row = (name: string, times: number[], most: number): Row => {
  const p99 = quantile(times, 0.99);
  return {
    name,
    ours: `p50 ${shown([quantile(times, 0.5)], ' ms')}, p99 ${shown([p99], ' ms')}`,
    baseline: '',
    ratio: '',
    reach: `p99 <= ${most} ms`,
    met: p99 <= most,
  };
};

bench(
  'console: one page at a time',
  {
    quick: { emails: 50_000, queues: 1_000, failures: 2_000, asked: 20 },
    usual: { emails: 1_000_000, queues: 10_000, failures: 40_000, asked: 100 },
  },
  async (lab, { emails, queues, failures, asked }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    await fillHistory(lab, api, sink.port, emails);
    await fillQueues(lab, queues);
    await countQueues(lab, queues);
    await failMany(lab, api, failures);
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'operator' });
    const url = `http://127.0.0.1:${api.hello.port}`;
    const cookie = await signIn(url, key);
    const addresses = Math.ceil(emails / EACH);
    const ids = await lab.client.zrange(queueKeys({ tenant: 'acme', application: 'full' }).byTime, 0, '199');
    const { incidents } = await lab.call<{ incidents: { id: string }[] }>(api, 'GET', '/incidents');
    if (incidents.length < CAUSES) throw new Error(`${incidents.length} incidents instead of ${CAUSES}`);
    const one = (n: number): string => `/queues/acme/full/emails/${ids[n % ids.length]}`;
    const pages: [name: string, path: (n: number) => string, most?: number][] = [
      ['start', () => '/'],
      ['queues', () => '/queues'],
      ['the full queue', () => '/queues/acme/full'],
      ['a small queue', (n) => `/queues/t${n % TENANTS}/app-0`],
      ['settings of a queue', () => '/queues/acme/full/settings'],
      ['search, nothing asked', () => '/search'],
      ['search, a recipient', (n) => `/search?q=to:${recipientOf((n * 7_919) % addresses)}`],
      ['search, a domain', (n) => `/search?q=to:*@host${n % 997}.example`],
      ['search, failed', () => '/search?q=state:failed'],
      ['search, words of a subject', (n) => `/search?q=subject:hello${n}`],
      ['an email', one],
      ['send an email again', (n) => `${one(n)}/resend`],
      ['incidents', () => '/incidents', MOST_P99_INCIDENTS],
      ['an incident', (n) => `/incidents/${incidents[n % incidents.length]?.id}`, MOST_P99_INCIDENTS],
      ['tenants', () => '/tenants'],
      ['a tenant', () => '/tenants/acme'],
      ['a transport', () => '/tenants/acme/transports/default'],
      ['templates', () => '/tenants/acme/templates'],
      ['a template', () => '/tenants/acme/templates/receipt'],
      ['keys', () => '/keys'],
      ['audit', () => '/audit'],
      ['statistics', () => '/statistics'],
      ['statistics of a tenant', () => '/statistics?place=t1&by=hour'],
    ];
    const rows: Row[] = [];
    for (const [name, path, most = MOST_P99] of pages)
      rows.push(row(name, await askPage((n) => url + path(n), cookie, asked), most));
    return rows;
  },
);
