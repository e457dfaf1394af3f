// What the benchmarks of acceptance share: our API and a bare one, the same bodies, by turns.
import { setUpTenant, type Lab } from './lab';
import { interleave, quantile, ratioOf, shown } from './figures';
import { forSeconds, load, type Load } from './load';
import { TEMPLATE } from './mail';
import type { Row } from './run';

export interface AcceptSize {
  rounds: number;
  /** Of one round. */
  seconds: number;
}

const CONNECTIONS = 32;
/** Made before, so that making them does not compete with what is measured. */
const BODIES = 200;
const LEAST_RATIO = 0.75;
const MOST_P99 = 1.5;

/**
 * @param path added to both APIs' address of emails
 * @param perRequest emails in one body
 */
export const measureAccept = async (
  lab: Lab,
  { rounds, seconds }: AcceptSize,
  { path, perRequest, body }: { path: string; perRequest: number; body: (n: number) => string },
): Promise<{ rate: Row; p99: Row }> => {
  const bodies = Array.from({ length: BODIES }, (_, n) => body(n));
  const bodyOf = (n: number): string => bodies[n % BODIES] ?? '';
  const [api, bare] = [await lab.start('api'), await lab.startOwn('bare-api', { redisUrl: lab.redis.url })];
  // Nothing is sent here: no worker runs.
  await setUpTenant(lab, api, 'acme', 1, TEMPLATE);
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'acme' });
  const ours = (time: number): Promise<Load> =>
    load(
      api.hello.port ?? 0,
      CONNECTIONS,
      (n) => ({ method: 'POST', path: `/v1/queues/acme/app/emails${path}`, key, body: bodyOf(n) }),
      forSeconds(time),
    );
  const baseline = (time: number): Promise<Load> =>
    load(
      bare.hello.port ?? 0,
      CONNECTIONS,
      (n) => ({ method: 'POST', path: `/emails${path}`, body: bodyOf(n) }),
      forSeconds(time),
    );
  await interleave(
    1,
    () => ours(2),
    () => baseline(2),
  );
  const found = await interleave(
    rounds,
    () => ours(seconds),
    () => baseline(seconds),
  );

  const rates = { ours: ratesOf(found.ours, perRequest), baseline: ratesOf(found.baseline, perRequest) };
  const p99s = { ours: found.ours.map(p99Of), baseline: found.baseline.map(p99Of) };
  const [ratio, p99Ratio] = [ratioOf(rates.ours, rates.baseline), ratioOf(p99s.ours, p99s.baseline)];
  return {
    rate: {
      name: 'emails accepted',
      ours: shown(rates.ours, '/s'),
      baseline: shown(rates.baseline, '/s'),
      ratio: ratio.toFixed(2),
      reach: `>= ${LEAST_RATIO}`,
      met: ratio >= LEAST_RATIO,
    },
    p99: {
      name: 'p99 of an answer',
      ours: shown(p99s.ours, ' ms'),
      baseline: shown(p99s.baseline, ' ms'),
      ratio: p99Ratio.toFixed(2),
      reach: `<= ${MOST_P99}`,
      met: p99Ratio <= MOST_P99,
    },
  };
};

const ratesOf = (loads: Load[], perRequest: number): number[] => loads.map(({ rate }) => rate * perRequest);
const p99Of = ({ latencies }: Load): number => quantile(latencies, 0.99);
