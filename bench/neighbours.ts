// Do a tenant's many queues, wide queues and slow servers slow another one down?
import { Client } from 'undici';
import { fill } from './support/drain';
import { quantile, shown } from './support/figures';
import { setUpTenant, type Lab } from './support/lab';
import { finished, TEMPLATE } from './support/mail';
import { bench, type Row } from './support/run';
import type { Child } from './support/child';
import type { Sink } from './support/sink-client';

const MOST_TIMES = 2;
/** What is this fast is fast enough, whatever it is alone. ms */
const FAST = 250;
/** An email of B that is not there by then counts as if it had come then. ms */
const PATIENCE = 20_000;

interface Story {
  name: string;
  queues: number;
  emails: number;
  /** How long A's server takes to answer, ms. */
  delay: number;
  concurrency?: number;
}

const STORIES: Story[] = [
  { name: '5 queues, a server that takes 280 s', queues: 5, emails: 100, delay: 280_000 },
  { name: '5 queues, a server that takes 20 s', queues: 5, emails: 100, delay: 20_000 },
  { name: '600 queues of 8, a server that takes 1 s', queues: 600, emails: 8, delay: 1_000 },
  { name: 'one queue, concurrency 1000, 20 s', queues: 1, emails: 1_000, delay: 20_000, concurrency: 1_000 },
];

/** B's emails, one after the other. @returns from the request until its server has taken each, ms */
const sendB = async (client: Client, key: string, sink: Sink, count: number): Promise<number[]> => {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const before = (await sink.taken()).times.length;
    const begun = Date.now();
    const { statusCode, body } = await client.request({
      method: 'POST',
      path: '/v1/queues/b/app/emails',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...finished(n), to: [`b-${before}@b.example`] }),
    });
    if (statusCode !== 202) throw new Error(`B was answered ${statusCode}: ${await body.text()}`);
    await body.dump();
    const taken = await sink.wait(before + 1, PATIENCE).catch(() => undefined);
    times.push((taken?.times[before] ?? begun + PATIENCE) - begun);
  }
  return times;
};

const fillA = async (lab: Lab, api: Child, tenant: string, story: Story): Promise<void> => {
  for (let n = 0; n < story.queues; n++) {
    const settings = story.concurrency === undefined ? {} : { concurrency: story.concurrency };
    await lab.call(api, 'PUT', `/queues/${tenant}/app-${n}`, settings);
    const to = (line: number): string[] => [`${tenant}-${n}-${line}@a.example`];
    await fill(lab, api, `${tenant}/app-${n}`, story.emails, (line) => ({ ...finished(line), to: to(line) }));
  }
};

/** One story: B alone, then beside A, whose emails wait before the workers start. */
const tell = async (
  lab: Lab,
  api: Child,
  story: Story,
  at: { workers: number; nth: number; b: { sink: Sink; client: Client; key: string }; ofB: number },
): Promise<Row> => {
  const { client, key, sink } = at.b;
  const ofA = await lab.sink({ delay: story.delay });
  const tenant = `a${at.nth}`;
  await setUpTenant(lab, api, tenant, ofA.port, TEMPLATE);
  const workers = await Promise.all(Array.from({ length: at.workers }, () => lab.start('worker')));
  await sendB(client, key, sink, 3);
  const alone = quantile(await sendB(client, key, sink, at.ofB), 0.99);
  await fillA(lab, api, tenant, story);
  await ofA.wait(40);
  const beside = quantile(await sendB(client, key, sink, at.ofB), 0.99);
  // What waits is A's own for ever: it must not be there in the next story.
  await lab.call(api, 'PATCH', `/tenants/${tenant}`, { enabled: false });
  for (const worker of workers) worker.process.kill('SIGKILL');
  return {
    name: `${story.name}; ${at.workers} worker${at.workers > 1 ? 's' : ''}`,
    ours: shown([beside], ' ms'),
    baseline: shown([alone], ' ms'),
    ratio: (beside / alone).toFixed(2),
    reach: `<= ${MOST_TIMES} x, or ${FAST} ms`,
    met: beside <= Math.max(MOST_TIMES * alone, FAST),
  };
};

bench(
  'neighbours: p99 of B, from the request until its server has taken the email, while tenant A holds up its own; baseline: B alone',
  {
    quick: { ofB: 10, workers: [1], stories: [1] },
    usual: { ofB: 50, workers: [1], stories: [0, 1, 2, 3] },
    full: { ofB: 200, workers: [1, 4], stories: [0, 1, 2, 3] },
  },
  async (lab, { ofB, workers, stories }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    await setUpTenant(lab, api, 'b', sink.port, TEMPLATE);
    await lab.call(api, 'PUT', '/queues/b/app', {});
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'b' });
    const client = new Client(`http://127.0.0.1:${api.hello.port}`);
    const b = { sink, client, key };
    const rows: Row[] = [];
    for (const count of workers) {
      for (const story of STORIES.filter((_, n) => stories.includes(n)))
        rows.push(await tell(lab, api, story, { workers: count, nth: rows.length, b, ofB }));
    }
    await client.close();
    return rows;
  },
);
