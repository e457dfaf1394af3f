// What the benchmarks of acceptance share: our API and a bare one, the same bodies, by turns.
import { setUpTenant, type Lab } from './lab';
import { interleave, quantile, ratioOf, shown } from './figures';
import type { Child } from './child';
import { forSeconds, load } from './load';
import { TEMPLATE } from './mail';
import type { Row } from './run';

export interface AcceptSize {
  rounds: number;
  /** Of one round. */
  seconds: number;
}

/** One round. */
interface Accepted {
  /** Emails per second. */
  rate: number;
  /** ms of an answer. */
  p99: number;
  /** ms of CPU that the API's process took for an email, all its threads; much the same on a busy machine. */
  cpu: number;
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
): Promise<{ rate: Row; p99: Row; cpu: Row }> => {
  const bodies = Array.from({ length: BODIES }, (_, n) => body(n));
  const bodyOf = (n: number): string => bodies[n % BODIES] ?? '';
  const [api, bare] = [await lab.start('api'), await lab.startOwn('bare-api', { redisUrl: lab.redis.url })];
  // Nothing is sent here: no worker runs.
  await setUpTenant(lab, api, 'acme', 1, TEMPLATE);
  const { key } = await lab.call<{ key: string }>(api, 'POST', '/keys', { role: 'sender', tenant: 'acme' });
  const ask =
    (child: Child, at: string, bearer?: string) =>
    async (time: number): Promise<Accepted> => {
      const before = child.cpu();
      const { rate, latencies } = await load(
        child.hello.port ?? 0,
        CONNECTIONS,
        (n) => ({
          method: 'POST',
          path: `${at}${path}`,
          body: bodyOf(n),
          ...(bearer !== undefined && { key: bearer }),
        }),
        forSeconds(time),
      );
      const emails = latencies.length * perRequest;
      const cpu = ((child.cpu() - before) * 1_000) / emails;
      return { rate: rate * perRequest, p99: quantile(latencies, 0.99), cpu };
    };
  const [ours, baseline] = [ask(api, '/v1/queues/acme/app/emails', key), ask(bare, '/emails')];
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

  const pick = (figure: keyof Accepted) => ({
    ours: found.ours.map((one) => one[figure]),
    baseline: found.baseline.map((one) => one[figure]),
  });
  return {
    rate: row('emails accepted', '/s', pick('rate'), {
      reach: `>= ${LEAST_RATIO}`,
      met: (ratio) => ratio >= LEAST_RATIO,
    }),
    p99: row('p99 of an answer', ' ms', pick('p99'), { reach: `<= ${MOST_P99}`, met: (ratio) => ratio <= MOST_P99 }),
    cpu: row('CPU of the API, an email', ' ms', pick('cpu')),
  };
};

const row = (
  name: string,
  unit: string,
  { ours, baseline }: { ours: number[]; baseline: number[] },
  promised?: { reach: string; met: (ratio: number) => boolean },
): Row => {
  const ratio = ratioOf(ours, baseline);
  return {
    name,
    ours: shown(ours, unit),
    baseline: shown(baseline, unit),
    ratio: ratio.toFixed(2),
    reach: promised?.reach ?? '',
    ...(promised && { met: promised.met(ratio) }),
  };
};
