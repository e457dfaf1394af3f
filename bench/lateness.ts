// How late are scheduled emails, and is none early? By the clock of the machine: all processes run on it.
import { load, times } from './support/load';
import { quantile, shown } from './support/figures';
import { setUpTenant } from './support/lab';
import { recipientOf, TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

const BATCH = 500;
/** Between the last one's acceptance and the first one's time; accepting that many takes a while. ms */
const AHEAD = 10_000;
const MOST_P99 = 50;

bench(
  'lateness: emails scheduled evenly over a time, 1 worker process; from sendAt until the server has taken it',
  { quick: { emails: 2_000, seconds: 10 }, usual: { emails: 10_000, seconds: 60 } },
  async (lab, { emails, seconds }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink()];
    await setUpTenant(lab, api, 'acme', sink.port, TEMPLATE);
    await lab.start('worker');
    const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'acme' });
    const first = Date.now() + AHEAD;
    const dueAt = (n: number): number => first + Math.floor((n * seconds * 1_000) / emails);
    const line = (n: number) => ({ ...templated(n), sendAt: new Date(dueAt(n)).toISOString() });
    const batch = (from: number): string =>
      JSON.stringify({ emails: Array.from({ length: BATCH }, (_, index) => line(from + index)) });
    await load(
      api.hello.port ?? 0,
      4,
      (n) => ({ method: 'POST', path: '/v1/queues/acme/app/emails/batch', key, body: batch(n * BATCH) }),
      times(emails / BATCH),
    );
    if (Date.now() > first) throw new Error('accepting took until the first email was due: nothing to measure');

    const taken = await sink.wait(emails, AHEAD + seconds * 1_000 + 60_000);
    const arrivals = new Map(taken.recipients.map((recipient, index) => [recipient, taken.times[index] ?? 0]));
    const late = Array.from({ length: emails }, (_, n) => (arrivals.get(recipientOf(n)) ?? Number.NaN) - dueAt(n));
    const [p99, early] = [quantile(late, 0.99), late.filter((ms) => ms < 0).length];
    return [
      {
        name: 'lateness, p99',
        ours: shown([p99], ' ms'),
        baseline: `median ${shown([quantile(late, 0.5)], ' ms')}, most ${shown([quantile(late, 1)], ' ms')}`,
        ratio: '',
        reach: `<= ${MOST_P99} ms`,
        met: p99 <= MOST_P99,
      },
      { name: 'early', ours: String(early), baseline: '', ratio: '', reach: '0', met: early === 0 },
    ];
  },
);
