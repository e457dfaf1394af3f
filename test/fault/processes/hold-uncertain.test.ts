// Workers killed at random, and what may have been sent waits for a person: nothing lost, nothing twice.
import { showTable } from '../../support/fault';
import { killWorkers, SEEDS } from '../../support/processes/kill';

test(
  '0 lost, 0 twice; the rest waits as uncertain',
  async () => {
    const rows = [];
    for (const seed of SEEDS) rows.push(await killWorkers(seed, 'hold'));
    showTable('hold-uncertain', rows);
    for (const row of rows) expect(row).toMatchObject({ lost: 0, failed: 0, twice: 0 });
  },
  SEEDS.length * 600_000,
);
