// How everything stands that a key reaches: what needs a person, and the numbers.
import { z } from 'zod';
import { Overview } from '../../answers/overview';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';

const Limit = z.coerce.number().int().min(1).max(1_000).default(20);
const Query = z.strictObject({ limit: Limit.meta({ description: 'How many rows of numbers there are at most.' }) });
const MOST_INCIDENTS = 10;

const iso = (ms: number): string => new Date(ms).toISOString();

const readOverview = endpoint({
  method: 'get',
  path: '/v1/overview',
  id: 'readOverview',
  tag: 'Statistics',
  summary: 'How everything stands that the key reaches',
  description:
    'What needs a person now (transports that are down, queues that are paused or late, no worker, Redis not fit), the largest incidents, and what waits, was sent and failed, for as many tenants or queues as `limit` says.',
  may: { action: 'read', over: 'reach' },
  query: Query,
  answers: { 200: { description: 'How it stands.', schema: Overview } },
  async handle({ overview }: Pick<RouteDeps, 'overview'>, { identity, query: { limit } }) {
    const { needs, incidents, numbers } = await overview(identity);
    const { transports, late, pause, workers, redis, paused } = needs;
    return {
      body: {
        ...(pause && { pause }),
        workers,
        redis,
        paused,
        transports: transports.map((one) => ({ ...one, since: iso(one.since), nextProbeAt: iso(one.nextProbeAt) })),
        late: late.map((one) => ({ ...one, oldestDueAt: iso(one.oldestDueAt) })),
        ...(incidents && {
          incidents: incidents
            .slice(0, MOST_INCIDENTS)
            .map((one) => ({ ...one, firstAt: iso(one.firstAt), lastAt: iso(one.lastAt) })),
        }),
        ...(numbers && {
          numbers: {
            at: iso(numbers.at),
            newerIn: numbers.newerIn,
            total: numbers.total,
            rows: numbers.rows.slice(0, limit),
            more: Math.max(0, numbers.rows.length - limit),
          },
        }),
      },
    };
  },
});

export const OVERVIEW_ENDPOINTS = [readOverview];
