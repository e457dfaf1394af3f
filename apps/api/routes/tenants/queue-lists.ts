// Lists of queues: all that a key reaches, and those of one tenant.
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import type { RegisteredQueue, Tenants } from '../../../../libs/store/registries/tenants';
import { QueuePage } from '../../answers/tenants-and-queues';
import { endpoint } from '../../http/endpoint/endpoint';
import { checkNames, pageOf, PageQuery, sortByName, type Page } from '../../http/page';
import { viewOfQueue, type QueueViewDeps } from '../../views/queue-view';

const pathOf = ({ tenant, application }: QueueAddress): string => `${tenant}/${application}`;

/** Tenants whose queues are asked for at once. */
const TENANTS_AT_ONCE = 50;

/** Queues after the cursor, tenant by tenant until there are more than the page takes. */
const queuesAfter = async (
  tenants: Tenants,
  slugs: string[],
  { limit, cursor = '' }: Page,
  isReached: (queue: QueueAddress) => boolean,
): Promise<RegisteredQueue[]> => {
  // `0` comes right after `/`: all queues of a tenant sort before it.
  const rest = sortByName(slugs, (slug) => `${slug}/`).filter((slug) => `${slug}0` > cursor);
  const found: RegisteredQueue[] = [];
  for (let from = 0; from < rest.length && found.length <= limit; from += TENANTS_AT_ONCE) {
    const some = await Promise.all(rest.slice(from, from + TENANTS_AT_ONCE).map((slug) => tenants.queues(slug)));
    found.push(...some.flat().filter((queue) => isReached(queue) && pathOf(queue) > cursor));
  }
  return found;
};

const pageAnswer = async (deps: QueueViewDeps, all: RegisteredQueue[], asked: Page) => {
  const { page, nextCursor } = pageOf(all, pathOf, asked);
  return { body: { queues: await Promise.all(page.map((queue) => viewOfQueue(deps, queue))), nextCursor } };
};

const ANSWERS = { 200: { description: 'One page.', schema: QueuePage } } as const;

const listQueues = endpoint({
  method: 'get',
  path: '/v1/queues',
  id: 'listQueues',
  tag: 'Queues',
  summary: 'All queues that the key reaches, by name',
  description: 'With their settings and counts, by tenant and application.',
  may: { action: 'read', over: 'reach' },
  query: PageQuery,
  answers: ANSWERS,
  async handle(deps: QueueViewDeps, { identity, query }) {
    checkNames(query, { parts: 2 });
    const { tenants } = deps;
    const slugs =
      identity.tenant === undefined ? (await tenants.list()).map(({ tenant }) => tenant) : [identity.tenant];
    const isReached = ({ application }: QueueAddress): boolean =>
      identity.application === undefined || identity.application === application;
    return pageAnswer(deps, await queuesAfter(tenants, slugs, query, isReached), query);
  },
});

const listTenantQueues = endpoint({
  method: 'get',
  path: '/v1/queues/{tenant}',
  id: 'listTenantQueues',
  tag: 'Queues',
  summary: 'The queues of a tenant, by name',
  description: 'With their settings and counts.',
  may: { action: 'read', over: 'tenant' },
  query: PageQuery,
  answers: ANSWERS,
  async handle(deps: QueueViewDeps, { tenant, query }) {
    checkNames(query, { parts: 2, first: tenant });
    return pageAnswer(deps, await deps.tenants.queues(tenant), query);
  },
});

export const QUEUE_LIST_ENDPOINTS = [listQueues, listTenantQueues];
