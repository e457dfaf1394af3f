// Statistics of a queue, of a tenant, and of all that a key reaches.
import { z } from 'zod';
import { existingQueue } from '../../../../libs/administration/existing';
import { GROUPS, statisticsOf, timeOf, type StatisticsRow } from '../../../../libs/administration/statistics';
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import { Instant } from '../../../../libs/mail/input/instant';
import { problemAt } from '../../../../libs/mail/input/problem';
import { reaches } from '../../../../libs/mail/settings/api-key';
import { allQueues } from '../../../../libs/store/redis/all-queues';
import { Statistics } from '../../answers/statistics';
import { endpoint } from '../../http/endpoint/endpoint';
import { QUEUE } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';

const Query = z.strictObject({
  since: Instant.optional().meta({ description: 'The first hour or day; a day or 30 days ago where it is not given.' }),
  until: Instant.optional().meta({ description: 'The end, which is no part of it; now where it is not given.' }),
  by: z.enum(['hour', 'day']).default('day').meta({ description: 'How long a row counts.' }),
  group: z.enum(GROUPS).optional().meta({ description: 'A row for each of these; one for all where it is not given.' }),
});
type Query = z.infer<typeof Query>;

const ANSWERS = { 200: { description: 'What was counted.', schema: Statistics } } as const;
const DESCRIPTION =
  'How many emails were accepted, sent, failed, deferred, expired, canceled or left uncertain, and how long they took from due to sent, by hour (14 days) or day (a year), in all or by queue, transport or tenant.';
const PROBLEMS = ['too-many-rows'] as const;
const BOUNDS = ['1s', '5s', '30s', '5m', '1h', 'more'] as const;

const iso = (ms: number): string => new Date(ms).toISOString();

const view = ({ at, counts, ...place }: StatisticsRow) => {
  const { latencySum, latencies, ...numbers } = counts;
  const count = latencies.reduce((sum, one) => sum + one, 0);
  const within = Object.fromEntries(BOUNDS.map((bound, index) => [bound, latencies[index] ?? 0]));
  const meanMs = count === 0 ? 0 : Math.round(latencySum / count);
  return { at: iso(at), ...place, ...numbers, latency: { count, meanMs, within } };
};

type Deps = Pick<RouteDeps, 'redis' | 'clock'>;

const answer = async ({ redis, clock }: Deps, queues: QueueAddress[], { by, group, ...given }: Query) => {
  const parse = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  const time = { since: parse(given.since), until: parse(given.until) };
  if ((time.since ?? 0) >= (time.until ?? Infinity)) throw problemAt('invalid', ['until'], 'must be after since');
  const { since, until } = timeOf(by, time, clock.now());
  const rows = await statisticsOf(redis, queues, { by, group, since, until });
  return { body: { since: iso(since), until: iso(until), by, rows: rows.map(view) } };
};

/** Queues whose names are read at once. */
const AT_ONCE = 1_000;

const readStatistics = endpoint({
  method: 'get',
  path: '/v1/statistics',
  id: 'readStatistics',
  tag: 'Statistics',
  summary: 'Statistics of all queues that the key reaches',
  description: DESCRIPTION,
  may: { action: 'read', over: 'reach' },
  query: Query,
  answers: ANSWERS,
  problems: PROBLEMS,
  async handle(deps: Deps, { identity, query }) {
    const queues: QueueAddress[] = [];
    for await (const some of allQueues(deps.redis, AT_ONCE))
      queues.push(...some.filter((queue) => reaches(identity, queue)));
    return answer(deps, queues, query);
  },
});

const readTenantStatistics = endpoint({
  method: 'get',
  path: '/v1/tenants/{tenant}/statistics',
  id: 'readTenantStatistics',
  tag: 'Statistics',
  summary: 'Statistics of a tenant',
  description: DESCRIPTION,
  may: { action: 'read', over: 'tenant' },
  query: Query,
  answers: ANSWERS,
  problems: PROBLEMS,
  handle: async (deps: Deps & Pick<RouteDeps, 'tenants'>, { tenant, query }) =>
    answer(deps, await deps.tenants.queues(tenant), query),
});

const readQueueStatistics = endpoint({
  method: 'get',
  path: `${QUEUE}/statistics`,
  id: 'readQueueStatistics',
  tag: 'Statistics',
  summary: 'Statistics of a queue',
  description: DESCRIPTION,
  may: { action: 'read', over: 'queue' },
  query: Query,
  answers: ANSWERS,
  problems: PROBLEMS,
  async handle(deps: Deps & Pick<RouteDeps, 'tenants' | 'queues'>, { address, query }) {
    await existingQueue(deps, address);
    return answer(deps, [address], query);
  },
});

export const STATISTICS_ENDPOINTS = [readStatistics, readTenantStatistics, readQueueStatistics];
