// How fast are questions over all queues answered, with ten thousand queues and a million emails in one history?
import { quantile, shown } from './support/figures';
import { EACH, FEW, fillHistory, fillQueues, SPREAD_MS, TENANTS } from './support/installation';
import { load, times } from './support/load';
import { recipientOf } from './support/mail';
import { bench } from './support/run';

const MOST_P99 = 100;

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
