// Does a tenant with a full queue slow another one down?
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'undici';
import { fill } from './support/drain';
import { quantile, shown } from './support/figures';
import { setUpTenant } from './support/lab';
import { TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

/** One email of B so often. ms */
const EVERY = 250;
const MOST_TIMES = 2;
/** What is this fast is fast enough, whatever it is alone. ms */
const FAST = 100;

bench(
  `fairness: tenant A has a full queue, B gets an email every ${EVERY} ms; from the request until the server has taken it; baseline: B alone`,
  { quick: { waiting: 10_000, ofB: 20 }, usual: { waiting: 50_000, ofB: 100 } },
  async (lab, { waiting, ofB }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    for (const tenant of ['a', 'b']) await setUpTenant(lab, api, tenant, sink.port, TEMPLATE);
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'b' });
    const client = new Client(`http://127.0.0.1:${api.hello.port}`);

    /** Sends B's emails at a steady pace; gives when each was asked for. */
    const sendB = async (round: string): Promise<Map<string, number>> => {
      const askedAt = new Map<string, number>();
      for (let n = 0; n < ofB; n++) {
        const next = pause(EVERY);
        const to = `${round}-${n}@b.example`;
        askedAt.set(to, Date.now());
        const { statusCode, body } = await client.request({
          method: 'POST',
          path: '/v1/queues/b/app/emails',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...templated(n), to: [to] }),
        });
        if (statusCode !== 202) throw new Error(`B was answered ${statusCode}: ${await body.text()}`);
        await body.dump();
        await next;
      }
      return askedAt;
    };
    const latencies = async (askedAt: Map<string, number>): Promise<number[]> => {
      const { recipients, times } = await sink.taken();
      const arrivals = new Map(recipients.map((recipient, index) => [recipient, times[index]]));
      return [...askedAt].map(([to, at]) => (arrivals.get(to) ?? Infinity) - at);
    };

    const worker = await lab.start('worker');
    await sendB('warm');
    const alone = await latencies(await sendB('alone'));
    await worker.end();
    await fill(lab, api, 'a/app', waiting, templated);
    await lab.start('worker');
    await sink.wait((await sink.taken()).times.length + 100);
    const beside = await latencies(await sendB('beside'));
    const left = await lab.client.zcard('rohrpost:{a.app}:a.app:prioritized');
    if (left === 0) throw new Error('A was done before B: nothing was measured; more emails must wait');
    const [p99, p99Alone] = [quantile(beside, 0.99), quantile(alone, 0.99)];
    await client.close();
    return [
      {
        name: 'p99 of B',
        ours: shown([p99], ' ms'),
        baseline: shown([p99Alone], ' ms'),
        ratio: (p99 / p99Alone).toFixed(2),
        reach: `<= ${MOST_TIMES} x, or ${FAST} ms`,
        met: p99 <= Math.max(MOST_TIMES * p99Alone, FAST),
      },
      {
        name: 'median of B',
        ours: shown([quantile(beside, 0.5)], ' ms'),
        baseline: shown([quantile(alone, 0.5)], ' ms'),
        ratio: '',
        reach: '',
      },
    ];
  },
);
