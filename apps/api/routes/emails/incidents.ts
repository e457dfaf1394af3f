// Incidents: what emails stand unsent for, of a queue, of a tenant, and of all that a key reaches.
import { z } from 'zod';
import { existingQueue } from '../../../../libs/administration/existing';
import { incidentsOf, incidentsWithin, type Incident } from '../../../../libs/administration/incidents';
import { reaches } from '../../../../libs/mail/settings/api-key';
import { IncidentList } from '../../answers/incidents';
import { endpoint } from '../../http/endpoint/endpoint';
import { QUEUE } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';

const Limit = z.coerce.number().int().min(1).max(1_000).default(200);
const Query = z.strictObject({ limit: Limit.meta({ description: 'How many are answered at most.' }) });
const ANSWERS = { 200: { description: 'The incidents.', schema: IncidentList } } as const;
const DESCRIPTION =
  'Emails that failed, expired, are uncertain or are tried again, grouped by cause, as they are at this moment; none that a person held or canceled. Lists take the id as `incident`.';

const answer = (incidents: Incident[], limit: number) => ({
  body: {
    incidents: incidents.slice(0, limit).map((incident) => ({
      ...incident,
      firstAt: new Date(incident.firstAt).toISOString(),
      lastAt: new Date(incident.lastAt).toISOString(),
    })),
  },
});

const listIncidents = endpoint({
  method: 'get',
  path: '/v1/incidents',
  id: 'listIncidents',
  tag: 'Incidents',
  summary: 'The incidents of all queues that the key reaches',
  description: DESCRIPTION,
  may: { action: 'read', over: 'reach' },
  query: Query,
  answers: ANSWERS,
  handle: async ({ redis }: Pick<RouteDeps, 'redis'>, { identity, query }) =>
    answer(await incidentsWithin(redis, (queue) => reaches(identity, queue)), query.limit),
});

const listTenantIncidents = endpoint({
  method: 'get',
  path: '/v1/tenants/{tenant}/incidents',
  id: 'listTenantIncidents',
  tag: 'Incidents',
  summary: 'The incidents of a tenant',
  description: DESCRIPTION,
  may: { action: 'read', over: 'tenant' },
  query: Query,
  answers: ANSWERS,
  handle: async ({ redis }: Pick<RouteDeps, 'redis'>, { tenant, query }) =>
    answer(await incidentsWithin(redis, (queue) => queue.tenant === tenant), query.limit),
});

const listQueueIncidents = endpoint({
  method: 'get',
  path: `${QUEUE}/incidents`,
  id: 'listQueueIncidents',
  tag: 'Incidents',
  summary: 'The incidents of a queue',
  description: DESCRIPTION,
  may: { action: 'read', over: 'queue' },
  query: Query,
  answers: ANSWERS,
  async handle(deps: Pick<RouteDeps, 'redis' | 'tenants' | 'queues'>, { address, query }) {
    await existingQueue(deps, address);
    return answer(await incidentsOf(deps.redis, [address]), query.limit);
  },
});

export const INCIDENT_ENDPOINTS = [listIncidents, listTenantIncidents, listQueueIncidents];
