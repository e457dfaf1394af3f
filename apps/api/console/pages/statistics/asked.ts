// What the reader of the statistics asks for, by the page's address; and the rows that the API answers.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { Statistics } from '../../../answers/statistics';
import type { Visit } from '../../page/page';

export type Statistics = z.infer<typeof Statistics>;
export type Row = Statistics['rows'][number];

export const COUNTS = ['accepted', 'sent', 'failed', 'deferred', 'expired', 'canceled', 'uncertain'] as const;
export const GROUPS = ['tenant', 'queue', 'transport'] as const;

/** Whether days or hours: days unless the reader says otherwise. */
export const byOf = ({ query }: Pick<Visit, 'query'>): 'hour' | 'day' => (query['by'] === 'hour' ? 'hour' : 'day');

/** @throws Problem as the API answers it, of what stands in the address */
export const askStatistics = async (visit: Visit): Promise<Statistics> => {
  const { ask, query } = visit;
  const { group, since, until, place = '' } = query;
  const given = { query: { by: byOf(visit), group, since, until } };
  const [tenant = '', application, ...more] = place.split('/').map((part) => part.trim());
  if (more.length > 0) throw new Problem('invalid', 'a queue is written tenant/application, like acme/billing');
  if (application) return ask('readQueueStatistics', { ...given, params: { tenant, application } });
  return tenant ? ask('readTenantStatistics', { ...given, params: { tenant } }) : ask('readStatistics', given);
};

/** How the place of a row is called; empty where all are together. */
export const placeOf = ({ tenant, application, transport }: Row): string =>
  [tenant, application, transport].filter((part) => part !== undefined && part !== '').join('/');

/** Part of those whose latency is known that were sent within five seconds, 0 to 1. */
export const soonOf = ({ latency: { count, within } }: Row): number | undefined =>
  count === 0 ? undefined : (within['1s'] + within['5s']) / count;
