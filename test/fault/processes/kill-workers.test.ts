// Workers killed at random under load: nothing lost, nothing wrongly failed, every twin recorded as uncertain before.
import { showTable } from '../../support/fault';
import { killWorkers, SEEDS } from '../../support/processes/kill';

test(
  '0 lost, 0 wrongly failed, twins at most what was in hand-over, each known before',
  async () => {
    const rows = [];
    for (const seed of SEEDS) rows.push(await killWorkers(seed, 'resend'));
    showTable('kill-workers', rows);
    for (const row of rows) {
      expect(row).toMatchObject({ lost: 0, failed: 0, uncertain: 0, unrecorded: 0 });
      expect(row.twice).toBeLessThanOrEqual(row.atRisk);
    }
  },
  SEEDS.length * 600_000,
);
