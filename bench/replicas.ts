// Do more worker processes send more? A server that takes its time is the limit, so that each can be fully used.
import { median, ratePerSecond, shown } from './support/figures';
import { fill } from './support/drain';
import { setUpTenant } from './support/lab';
import { TEMPLATE, templated } from './support/mail';
import { bench } from './support/run';

/** The server answers a message after so many ms. */
const DELAY = 50;
const REPLICAS = [1, 2, 4];
const LEAST_LINEAR = 0.95;

bench(
  `replicas: a server that answers after ${DELAY} ms, 10 emails at once a process; 1, 2, 4 worker processes; baseline: 1 process`,
  {
    quick: { rounds: 1, emailsEach: 600 },
    usual: { rounds: 2, emailsEach: 1_600 },
    full: { rounds: 5, emailsEach: 4_000 },
  },
  async (lab, { rounds, emailsEach }) => {
    const [api, sink] = [await lab.start('api'), await lab.sink({ delay: DELAY })];
    await setUpTenant(lab, api, 'acme', sink.port, TEMPLATE);

    const rateOf = async (replicas: number, round: number): Promise<number> => {
      const emails = emailsEach * replicas;
      await fill(lab, api, `acme/app-${replicas}-${round}`, emails, templated);
      await sink.forget();
      const workers = await Promise.all(Array.from({ length: replicas }, () => lab.start('worker')));
      const { times } = await sink.wait(emails);
      await Promise.all(workers.map((worker) => worker.end()));
      // The middle half: not all processes begin and end together.
      return ratePerSecond(times, 0.25, 0.75);
    };
    const rates = new Map(REPLICAS.map((replicas): [number, number[]] => [replicas, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [replicas, found] of rates) found.push(await rateOf(replicas, round));
    }
    const one = rates.get(1) ?? [];
    return [...rates].slice(1).map(([replicas, found]) => {
      const linear = median(found.map((rate, round) => rate / ((one[round] ?? Number.NaN) * replicas)));
      return {
        name: `${replicas} processes`,
        ours: shown(found, '/s'),
        baseline: shown(one, '/s'),
        ratio: `${linear.toFixed(2)} of linear`,
        reach: `>= ${LEAST_LINEAR}`,
        met: linear >= LEAST_LINEAR,
      };
    });
  },
);
