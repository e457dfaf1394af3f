// How fast is a full queue of finished emails sent?
import { drainRows, measureDrain, type DrainSize } from './support/drain';
import { bench } from './support/run';

bench<DrainSize>(
  'drain-finished: waiting emails with finished bodies, 1 worker process, 20 connections; baseline: a bare nodemailer pool',
  { quick: { rounds: 1, emails: 4_000 }, usual: { rounds: 3, emails: 10_000 }, full: { rounds: 5, emails: 20_000 } },
  async (lab, size) => drainRows(await measureDrain(lab, size, 'finished'), [1.5, 2]),
);
