// How fast are emails accepted that come as one stream of lines, and how much memory does that take?
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { Client } from 'undici';
import type { Child } from './support/child';
import { fill } from './support/drain';
import { interleave, ratioOf, shown } from './support/figures';
import { setUpTenant, type Lab } from './support/lab';
import { TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

const LEAST_RATIO = 0.75;
const MOST_MIB = 250;

/** @returns emails per second */
const timed = async (emails: number, accept: () => Promise<void>): Promise<number> => {
  const begun = performance.now();
  await accept();
  return (emails * 1_000) / (performance.now() - begun);
};

/** One request; the results are read as they come. @throws where a line is refused */
const stream = async (api: Child, key: string, queue: string, emails: number): Promise<void> => {
  const client = new Client(`http://127.0.0.1:${api.hello.port}`, { headersTimeout: 0, bodyTimeout: 0 });
  const lines = function* (): Generator<string> {
    for (let n = 0; n < emails; n++) yield `${JSON.stringify(templated(n))}\n`;
  };
  const { statusCode, body } = await client.request({
    method: 'POST',
    path: `/v1/queues/${queue}/emails`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body: Readable.from(lines()),
  });
  const accepted = (await body.text()).split('\n').filter((line) => line.includes('"id"')).length;
  await client.close();
  if (statusCode !== 200 || accepted !== emails) throw new Error(`${statusCode}: ${accepted} of ${emails} accepted`);
};

/** The most memory that a process has had so far, MiB. */
const peakOf = ({ process: { pid } }: Child): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

const measure = async (lab: Lab, rounds: number, emails: number) => {
  const [api, other] = [await lab.start('api'), await lab.start('api')];
  // The one that is measured has checked no template: its render threads take 60 MiB.
  await setUpTenant(lab, other, 'acme', 1, TEMPLATE);
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'acme' });
  await stream(api, key, 'acme/warm', 2_000);
  await fill(lab, other, 'acme/warm', 2_000, templated);
  let peak: number | undefined;
  const found = await interleave(
    rounds,
    async (round) => {
      const rate = await timed(emails, () => stream(api, key, `acme/lines-${round}`, emails));
      peak ??= peakOf(api);
      return rate;
    },
    (round) => timed(emails, () => fill(lab, other, `acme/batches-${round}`, emails, templated)),
  );
  return { ...found, peak: peak ?? Number.NaN };
};

bench(
  'accept-lines: one request with all emails as lines (NDJSON), 1 API process; baseline: our API, batches of 500 over 4 connections',
  { quick: { rounds: 1, emails: 10_000 }, usual: { rounds: 3, emails: 100_000 } },
  async (lab, { rounds, emails }) => {
    const { ours, baseline, peak } = await measure(lab, rounds, emails);
    const ratio = ratioOf(ours, baseline);
    return [
      {
        name: 'emails accepted',
        ours: shown(ours, '/s'),
        baseline: shown(baseline, '/s'),
        ratio: ratio.toFixed(2),
        reach: `>= ${LEAST_RATIO}`,
        met: ratio >= LEAST_RATIO,
      },
      {
        name: 'most memory of the API, first round',
        baseline: '',
        ratio: '',
        ours: `${Math.round(peak)} MiB`,
        reach: `<= ${MOST_MIB} MiB`,
        met: peak <= MOST_MIB,
      },
    ];
  },
);
