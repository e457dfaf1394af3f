// How fast are emails accepted that come in batches?
import { measureAccept, type AcceptSize } from './support/accept';
import { templated } from './support/mail';
import { bench } from './support/run';

const BATCH = 100;

const body = (n: number): string =>
  JSON.stringify({ emails: Array.from({ length: BATCH }, (_, line) => templated(n * BATCH + line)) });

bench<AcceptSize>(
  'accept-batch: POST of batches of 100, 32 connections, 1 API process; baseline: Express, JSON, zod, queue.addBulk',
  { quick: { rounds: 1, seconds: 3 }, usual: { rounds: 4, seconds: 5 } },
  async (lab, size) => {
    const { rate, cpu } = await measureAccept(lab, size, { path: '/batch', perRequest: BATCH, body });
    return [rate, cpu];
  },
);
