// How fast are questions answered when a queue has sent a million emails?
import { eventually } from '../test/support/wait';
import { quantile, shown } from './support/figures';
import { setUpTenant, type Lab } from './support/lab';
import { load, times } from './support/load';
import { recipientOf, TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';
import { seedHistory } from './support/seed';
import type { Child } from './support/child';

/** Emails to each recipient: more than a page shows. */
const EACH = 200;
const MOST_P99 = 50;

/** A queue in which one email was sent. */
const sendOne = async (lab: Lab, api: Child, application: string): Promise<void> => {
  const path = `/queues/acme/${application}`;
  await lab.call(api, 'POST', `${path}/emails`, templated(0));
  await eventually(async () => {
    const { counts } = await lab.call<{ counts: Record<string, number> }>(api, 'GET', path);
    if (counts['sent'] !== 1) throw new Error(`the first email was not sent: ${JSON.stringify(counts)}`);
  });
};

/** Leaves an email waiting. @returns its id */
const leaveOne = async (lab: Lab, api: Child, application: string): Promise<string> => {
  const path = `/queues/acme/${application}`;
  await lab.call(api, 'POST', `${path}/pause`);
  return (await lab.call<{ id: string }>(api, 'POST', `${path}/emails`, templated(0))).id;
};

/** A fast answer without the emails would be no figure. */
const requireFull = async (lab: Lab, api: Child, emails: number): Promise<void> => {
  const path = '/queues/acme/full';
  const { counts } = await lab.call<{ counts: Record<string, number> }>(api, 'GET', path);
  const page = await lab.call<{ emails: { state: string }[] }>(
    api,
    'GET',
    `${path}/emails?recipient=${recipientOf(1)}`,
  );
  const sent = page.emails.filter(({ state }) => state === 'sent').length;
  if (counts['sent'] !== emails + 1 || sent !== 50)
    throw new Error(`the history is not what it should be: ${JSON.stringify(counts)}, ${sent} of a recipient`);
};

bench(
  'history: questions about a queue with many emails in its history, one at a time; baseline: the same with one in it',
  {
    quick: { emails: 50_000, asked: 200 },
    usual: { emails: 1_000_000, asked: 500 },
    full: { emails: 1_000_000, asked: 3_000 },
  },
  async (lab, { emails, asked }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    await setUpTenant(lab, api, 'acme', sink.port, TEMPLATE);
    const worker = await lab.start('worker');
    for (const application of ['full', 'empty']) await sendOne(lab, api, application);
    await worker.end();
    // Only read from here on: copying would write the whole history to the disk as well.
    await lab.client.config('SET', 'appendonly', 'no');
    const addresses = Math.ceil(emails / EACH);
    await seedHistory(
      lab.client,
      { tenant: 'acme', application: 'full' },
      { recipient: recipientOf(0), copies: emails, recipientOf: (n) => recipientOf(n % addresses) },
    );
    await requireFull(lab, api, emails);
    const waiting = { full: await leaveOne(lab, api, 'full'), empty: await leaveOne(lab, api, 'empty') };

    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'operator' });
    const latencies = async (path: (n: number) => string, count: number): Promise<number[]> =>
      (
        await load(
          api.hello.port ?? 0,
          1,
          (n) => ({ method: 'GET', path: `/v1/queues/acme/${path(n)}`, key }),
          times(count),
        )
      ).latencies;
    const questions: [name: string, path: (queue: 'full' | 'empty', n: number) => string][] = [
      ['first page', (queue) => `${queue}/emails`],
      ['page of a recipient', (queue, n) => `${queue}/emails?recipient=${recipientOf((n * 7_919) % addresses)}`],
      ['explain', (queue) => `${queue}/emails/${waiting[queue]}/explain`],
    ];
    const rows = [];
    for (const [name, path] of questions) {
      const found: Record<'full' | 'empty', number[]> = { full: [], empty: [] };
      // By turns, so that both meet the same machine.
      for (let turn = 0; turn < 10; turn++) {
        found.full.push(...(await latencies((n) => path('full', turn * asked + n), asked / 10)));
        found.empty.push(...(await latencies((n) => path('empty', turn * asked + n), asked / 10)));
      }
      const p99 = quantile(found.full, 0.99);
      rows.push({
        name: `${name}, p99`,
        ours: shown([p99], ' ms'),
        baseline: shown([quantile(found.empty, 0.99)], ' ms'),
        ratio: '',
        reach: `<= ${MOST_P99} ms`,
        met: p99 <= MOST_P99,
      });
    }
    return rows;
  },
);
