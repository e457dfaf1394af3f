// Events as they happen: a stream that a client can take up again where it was cut off.
import { z } from 'zod';
import { isPosition, type StreamedEvent } from '../../../../libs/events/read-events';
import { EVENT_TYPES } from '../../../../libs/mail/email/event';
import { Slug } from '../../../../libs/mail/address/queue-address';
import { notFound, problemAt } from '../../../../libs/mail/input/problem';
import { reaches, type Identity } from '../../../../libs/mail/settings/api-key';
import { bearerOf } from '../../http/auth';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';

const TYPES = `must be event types separated by commas, of ${EVENT_TYPES.join(', ')}`;

const Query = z.strictObject({
  types: z
    .string()
    .refine((text) => text.split(',').every((one) => (EVENT_TYPES as readonly string[]).includes(one)), TYPES)
    .optional()
    .meta({ description: 'Types of events, separated by commas.' }),
  tenant: Slug.optional().meta({ description: 'Events of this tenant only.' }),
  queue: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be tenant/application')
    .optional()
    .meta({ description: 'Events of this queue only: `tenant/application`.' }),
});
type Query = z.infer<typeof Query>;

/** The place that is asked for. @throws Problem `not-found` where the key does not reach it */
const placeOf = (identity: Identity, query: Query) => {
  const [ofQueue, application] = query.queue?.split('/') ?? [];
  const tenant = query.tenant ?? ofQueue ?? identity.tenant;
  if (ofQueue !== undefined && tenant !== ofQueue)
    throw problemAt('invalid', ['queue'], `must be of the tenant ${String(tenant)}, or leave tenant out`);
  const place = { tenant, application: application ?? identity.application };
  const { tenant: asked = '', application: within } = place;
  const isReached = reaches(identity, { tenant: asked, ...(within !== undefined && { application: within }) });
  if (asked !== '' && !isReached) throw notFound(`tenant ${asked}`);
  return place;
};

const wanted = (identity: Identity, query: Query): ((event: StreamedEvent) => boolean) => {
  const { tenant, application } = placeOf(identity, query);
  const types = query.types?.split(',');
  return (event) =>
    (tenant ?? event.tenant) === event.tenant &&
    (application === undefined || application === event.application) &&
    (types?.includes(event.note.type) ?? true);
};

const streamEvents = endpoint({
  method: 'get',
  path: '/v1/events',
  id: 'streamEvents',
  tag: 'Events',
  summary: 'Events as they happen',
  description:
    'A stream (text/event-stream) of what happens to emails, transports and queues within the key’s reach, filtered by types, tenant and queue. Each event has an id: a client that was cut off gives the last one as `Last-Event-ID` and misses nothing for a day; where that is too old, an event `gap` comes first. The stream ends with its key.',
  may: { action: 'read', over: 'reach' },
  query: Query,
  answers: { 200: { description: 'The stream.', type: 'text/event-stream' } },
  problems: ['not-found', 'too-many-streams'],
  async handle({ eventStreams, keys }: Pick<RouteDeps, 'eventStreams' | 'keys'>, { identity, query, request }) {
    const from = request.get('Last-Event-ID');
    if (from !== undefined && !isPosition(from))
      throw problemAt('invalid', ['Last-Event-ID'], 'must be the id of an event of this stream, like 1764331200000-0');
    const wants = wanted(identity, query);
    const key = bearerOf(request) ?? '';
    const write = eventStreams.open({
      owner: identity.tenant ?? '',
      from,
      wants,
      holds: async () => (await keys.identify(key)) !== undefined,
    });
    return Promise.resolve({ write });
  },
});

export const EVENT_ENDPOINTS = [streamEvents];
