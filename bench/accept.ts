// How fast are single emails accepted?
import { measureAccept, type AcceptSize } from './support/accept';
import { templated } from './support/mail';
import { bench } from './support/run';

bench<AcceptSize>(
  'accept: POST of one templated email, 32 connections, 1 API process; baseline: Express, JSON, zod, queue.add',
  { quick: { rounds: 1, seconds: 3 }, usual: { rounds: 4, seconds: 5 } },
  async (lab, size) => {
    const { rate, p99, cpu } = await measureAccept(lab, size, {
      path: '',
      perRequest: 1,
      body: (n) => JSON.stringify(templated(n)),
    });
    return [rate, p99, cpu];
  },
);
