// How fast are questions over all queues answered, with ten thousand queues and a million emails in one history?
import { idBound, newEmailId } from '../libs/jobs/layout/email-id';
import { createQueues } from '../libs/jobs/layout/queues';
import { announceWhereabouts } from '../libs/jobs/layout/whereabouts';
import { declareWhole, enterWhereabouts } from '../libs/jobs/repair/repair-whereabouts';
import { addEmails } from '../libs/jobs/transitions/add';
import { KEYS, tenantKeys } from '../libs/store/redis/keys';
import { eventually } from '../test/support/wait';
import type { Child } from './support/child';
import { quantile, shown } from './support/figures';
import { setUpTenant, type Lab } from './support/lab';
import { load, times } from './support/load';
import { recipientOf, TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';
import { seedHistory } from './support/seed';

const MOST_P99 = 100;
const TENANTS = 100;
/** Emails to each recipient of the full history. */
const EACH = 200;
/** Emails of each other queue, over this time. */
const FEW = 5;
const SPREAD_MS = 30 * 86_400_000;

/** Queues with a few emails each that wait, over the last month; as the API would have entered them. */
const fillQueues = async ({ client }: Lab, queues: number): Promise<void> => {
  const open = createQueues({ redis: client, waits: true });
  const now = Date.now();
  for (let n = 0; n < queues; n++) {
    const address = { tenant: `t${n % TENANTS}`, application: `app-${Math.floor(n / TENANTS)}` };
    const dates = JSON.stringify({
      settings: {},
      createdAt: new Date(now).toISOString(),
      updatedAt: new Date(now).toISOString(),
    });
    await client.hset(KEYS.tenants, address.tenant, dates);
    await client.hset(tenantKeys(address.tenant).queues, address.application, dates);
    const queue = open.open(address);
    const emails = Array.from({ length: FEW }, (_, k) => {
      const acceptedAt = now - Math.floor(((k + Math.random()) * SPREAD_MS) / FEW);
      const id = k === 0 ? newEmailId(acceptedAt) : idBound(acceptedAt);
      const email = {
        v: 1 as const,
        rev: 1,
        domain: 'mail.bench',
        to: [{ address: `q${n}-${k}@host${n % 997}.example` }],
        subject: `Hello ${n}`,
        text: 'Hello',
        expiresAt: '2035-01-01T00:00:00.000Z',
        sendAt: '2034-01-01T00:00:00.000Z',
      };
      return { id, email, acceptedAt, due: Date.parse('2034-01-01T00:00:00.000Z'), priority: 10 };
    });
    for (const one of emails) await announceWhereabouts(client, queue, [one]);
    await addEmails(client, queue, emails);
  }
};

const fillHistory = async (lab: Lab, api: Child, smtpPort: number, emails: number): Promise<void> => {
  await setUpTenant(lab, api, 'acme', smtpPort, TEMPLATE);
  const worker = await lab.start('worker');
  await lab.call(api, 'POST', '/queues/acme/full/emails', templated(0));
  await eventually(async () => {
    const { counts } = await lab.call<{ counts: Record<string, number> }>(api, 'GET', '/queues/acme/full');
    if (counts['sent'] !== 1) throw new Error('the first email was not sent');
  });
  await worker.end();
  await lab.client.config('SET', 'appendonly', 'no');
  const addresses = Math.ceil(emails / EACH);
  await seedHistory(
    lab.client,
    { tenant: 'acme', application: 'full' },
    { recipient: recipientOf(0), copies: emails, recipientOf: (n) => recipientOf(n % addresses) },
  );
  // As after a look through the data of an earlier version.
  await lab.client.del(KEYS.whereaboutsWhole);
  const full = createQueues({ redis: lab.client, waits: true }).open({ tenant: 'acme', application: 'full' });
  await enterWhereabouts(lab.client, full, Date.now());
  await declareWhole(lab.client);
};

bench(
  'finding: questions over all queues, one at a time; a full history and many queues with a few emails each',
  {
    quick: { emails: 50_000, queues: 1_000, asked: 100 },
    usual: { emails: 1_000_000, queues: 10_000, asked: 300 },
  },
  async (lab, { emails, queues, asked }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    await fillHistory(lab, api, sink.port, emails);
    await fillQueues(lab, queues);
    const addresses = Math.ceil(emails / EACH);
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'operator' });
    const someone = (n: number): string =>
      `q${(n * 7_919) % queues}-${n % FEW}@host${((n * 7_919) % queues) % 997}.example`;
    const at = (n: number): string => new Date(Date.now() - ((n * 104_729) % SPREAD_MS)).toISOString();
    const ids = await lab.client.zrange('rohrpost:{t1.app-1}:by-time', 0, '-1');
    const questions: [name: string, path: (n: number) => string][] = [
      ['all, first page', () => 'emails'],
      ['all, from some time on', (n) => `emails?until=${at(n)}`],
      ['a tenant, first page', (n) => `tenants/t${n % TENANTS}/emails`],
      ['the full tenant, from some time on', (n) => `tenants/acme/emails?until=${at(n)}`],
      ['all, a recipient of the full history', (n) => `emails?recipient=${recipientOf((n * 7_919) % addresses)}`],
      ['all, a recipient of few', (n) => `emails?recipient=${someone(n)}`],
      ['all, a domain', (n) => `emails?recipient=*@host${n % 997}.example`],
      ['all, the beginning of an address', (n) => `emails?recipient=q${n}-*`],
      ['all, a Message-ID', (n) => `emails?messageId=${ids[n % ids.length]}@mail.bench`],
      ['all, a state', () => 'emails?state=scheduled'],
      ['all, a rare state', () => 'emails?state=failed'],
      ['all, words of a subject', (n) => `emails?subject=hello+${n}`],
      ['all, a template', () => 'emails?template=receipt'],
      ['all, a reply', () => 'emails?reply=5.1.1'],
    ];
    const rows = [];
    for (const [name, path] of questions) {
      const { latencies } = await load(
        api.hello.port ?? 0,
        1,
        (n) => ({ method: 'GET', path: `/v1/${path(n)}`, key }),
        times(asked),
      );
      const p99 = quantile(latencies, 0.99);
      rows.push({
        name: `${name}, p50 and p99`,
        ours: `${shown([quantile(latencies, 0.5)], ' ms')}, ${shown([p99], ' ms')}`,
        baseline: '',
        ratio: '',
        reach: `<= ${MOST_P99} ms`,
        met: p99 <= MOST_P99,
      });
    }
    return rows;
  },
);
