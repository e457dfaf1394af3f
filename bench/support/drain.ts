// What the benchmarks of sending share: a full queue and one worker, or nodemailer's pool in a loop, into the same sink.
import { interleave, ratePerSecond, ratioOf, shown } from './figures';
import { setUpTenant, type Lab } from './lab';
import { load, times } from './load';
import { finished, TEMPLATE, templated } from './mail';
import type { Row } from './run';
import type { Sink } from './sink-client';
import type { Child } from './child';
import type { SendTask } from '../processes/bare-sender';

export interface DrainSize {
  rounds: number;
  emails: number;
}

/** Emails at once, for both. */
const CONNECTIONS = 20;
const BATCH = 500;

/** Fills a queue over the API; batches over four connections. */
export const fill = async (
  lab: Lab,
  api: Child,
  queue: string,
  emails: number,
  body: (n: number) => object,
): Promise<void> => {
  const tenant = queue.split('/')[0] ?? '';
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant });
  const batch = (from: number): string =>
    JSON.stringify({
      emails: Array.from({ length: Math.min(BATCH, emails - from) }, (_, line) => body(from + line)),
    });
  const path = `/v1/queues/${queue}/emails/batch`;
  const ask = (n: number) => ({ method: 'POST' as const, path, key, body: batch(n * BATCH) });
  await load(api.hello.port ?? 0, 4, ask, times(Math.ceil(emails / BATCH)));
};

interface Drained {
  /** Messages per second at the sink, from the first to the last: starting a process is not part of it. */
  rate: number;
  bytes: number;
  /** ms of CPU that the sending process took for an email, all its threads; much the same on a busy machine. */
  cpu: number;
}

const drainedBy = async (sender: Child, sink: Sink, emails: number): Promise<Drained> => {
  const before = sender.cpu();
  const { times: at, bytes } = await sink.wait(emails);
  return { rate: ratePerSecond(at), bytes, cpu: ((sender.cpu() - before) * 1_000) / emails };
};

/** Faster with a smaller message would be no figure. */
const requireSameSize = (ours: Drained[], baseline: Drained[]): void => {
  const ratio = ratioOf(
    ours.map(({ bytes }) => bytes),
    baseline.map(({ bytes }) => bytes),
  );
  if (Math.abs(ratio - 1) > 0.05) throw new Error(`the messages differ: ours have ${ratio.toFixed(2)} of the bytes`);
};

interface Drains {
  ours: Drained[];
  baseline: Drained[];
}

/** @param kind with a template, or with bodies that are ready */
export const measureDrain = async (
  lab: Lab,
  { rounds, emails }: DrainSize,
  kind: 'templated' | 'finished',
): Promise<Drains> => {
  const [api, sink] = [await lab.start('api'), await lab.sink()];
  await setUpTenant(lab, api, 'acme', sink.port, TEMPLATE);
  const ours = async (round: number): Promise<Drained> => {
    const queue = `acme/app-${round}`;
    await lab.call(api, 'PUT', `/queues/${queue}`, { concurrency: CONNECTIONS });
    await fill(lab, api, queue, emails, kind === 'templated' ? templated : finished);
    await sink.forget();
    const worker = await lab.start('worker');
    const drained = await drainedBy(worker, sink, emails);
    await worker.end();
    return drained;
  };
  const baseline = async (): Promise<Drained> => {
    await sink.forget();
    const task: SendTask = {
      port: sink.port,
      count: emails,
      connections: CONNECTIONS,
      templated: kind === 'templated',
    };
    const sender = await lab.startOwn('bare-sender', task);
    sender.process.send('go');
    const drained = await drainedBy(sender, sink, emails);
    await sender.end();
    return drained;
  };
  const found = await interleave(rounds, ours, baseline);
  requireSameSize(found.ours, found.baseline);
  return found;
};

const pick = ({ ours, baseline }: Drains, figure: keyof Drained): { ours: number[]; baseline: number[] } => ({
  ours: ours.map((drained) => drained[figure]),
  baseline: baseline.map((drained) => drained[figure]),
});

/** @param reaches the ratios that were promised, one after the other */
export const drainRows = (found: Drains, reaches: number[]): Row[] => {
  const [rate, cpu] = [pick(found, 'rate'), pick(found, 'cpu')];
  const ratio = ratioOf(rate.ours, rate.baseline);
  const sent = { name: 'emails sent', ours: shown(rate.ours, '/s'), baseline: shown(rate.baseline, '/s') };
  return [
    ...reaches.map((reach) => ({
      ...sent,
      ratio: ratio.toFixed(2),
      reach: `>= ${reach.toFixed(1)}`,
      met: ratio >= reach,
    })),
    {
      name: 'CPU of the sender, an email',
      ours: shown(cpu.ours, ' ms'),
      baseline: shown(cpu.baseline, ' ms'),
      ratio: ratioOf(cpu.ours, cpu.baseline).toFixed(2),
      reach: '',
    },
  ];
};
