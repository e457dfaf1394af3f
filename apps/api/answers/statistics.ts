// What is answered of statistics.
import { z } from 'zod';
import { EXAMPLE_AT, Time } from './fields';

const Count = z.int().min(0);

const Latency = z
  .strictObject({
    count: Count,
    meanMs: Count,
    within: z.strictObject({ '1s': Count, '5s': Count, '30s': Count, '5m': Count, '1h': Count, more: Count }),
  })
  .meta({
    id: 'SendingLatency',
    description:
      'From when emails were due until they were sent, of those of which it is known (not of released ones). `within`: how many took at most so long, and longer than the bound before.',
  });

const Row = z.strictObject({
  at: Time.meta({ description: 'When the hour or the day (in UTC) begins.' }),
  tenant: z.string().optional(),
  application: z.string().optional(),
  transport: z.string().optional().meta({
    description: 'Empty for what was accepted: over which transport an email goes is decided when it is sent.',
  }),
  accepted: Count,
  sent: Count,
  failed: Count,
  deferred: Count.meta({ description: 'Attempts that failed for now.' }),
  expired: Count,
  canceled: Count,
  uncertain: Count,
  latency: Latency,
});

const ROW = {
  at: EXAMPLE_AT,
  tenant: 'acme',
  application: 'billing',
  accepted: 1_204,
  sent: 1_190,
  failed: 12,
  deferred: 31,
  expired: 0,
  canceled: 2,
  uncertain: 0,
  latency: { count: 1_190, meanMs: 420, within: { '1s': 1_100, '5s': 80, '30s': 10, '5m': 0, '1h': 0, more: 0 } },
};

export const Statistics = z
  .strictObject({
    since: Time,
    until: Time,
    by: z.enum(['hour', 'day']),
    rows: z.array(Row),
  })
  .meta({
    id: 'Statistics',
    description: 'Oldest first; hours and days in which nothing happened are left out.',
    examples: [{ since: EXAMPLE_AT, until: '2026-12-02T08:00:00.000Z', by: 'hour', rows: [ROW] }],
  });
