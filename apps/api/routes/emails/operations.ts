// What takes longer than a request: bulk operations, begun on a queue or on all of a tenant, and tries of transports; looked up by their id.
import type { z } from 'zod';
import { BulkInput, requireForMany } from '../../../../libs/administration/bulk/bulk-input';
import { keptFilter, type BulkOperation, type BulkPlace } from '../../../../libs/administration/bulk/bulk-operation';
import { readReplacement } from '../../../../libs/administration/bulk/bulk-replace';
import { existingQueue } from '../../../../libs/administration/existing';
import { changesBetween } from '../../../../libs/events/field-diff';
import type { Progress } from '../../../../libs/administration/bulk/bulk-progress';
import type { Operation } from '../../../../libs/internal-queues/operations';
import type { Verification } from '../../../../libs/internal-queues/verify-requests';
import { idTime, newOperationId } from '../../../../libs/jobs/layout/email-id';
import { notFound } from '../../../../libs/mail/input/problem';
import { handOf, reaches, type Identity } from '../../../../libs/mail/settings/api-key';
import { OperationBegun, OperationDetails, OperationList } from '../../answers/operations';
import { json } from '../../http/endpoint/body';
import { tenantSince } from '../../http/auth';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS, QUEUE, TENANT } from '../../http/endpoint/paths';
import type { LongWork, RouteDeps } from '../../http/route-deps';
import { erasureView } from '../../views/erasure-view';

type BulkDeps = Pick<RouteDeps, 'clock' | 'audit' | 'tenants' | 'budget'> & Pick<LongWork, 'operations'>;

const iso = (ms: number): string => new Date(ms).toISOString();

const view = ({
  id,
  state,
  data,
  progress,
  createdAt,
  finishedAt,
  failedReason,
}: Operation<BulkOperation, Progress>) => ({
  id,
  state,
  ...data.address,
  action: data.action,
  dryRun: data.dryRun,
  matched: progress.matched,
  done: data.dryRun ? 0 : progress.done,
  changed: progress.done,
  skipped: progress.skipped,
  failed: progress.failed,
  errors: progress.errors,
  skips: progress.skips,
  ...(data.dryRun && { examples: progress.examples }),
  createdAt: iso(createdAt),
  ...(finishedAt !== undefined && { finishedAt: iso(finishedAt) }),
  ...(failedReason && { reason: failedReason }),
});

/** What is asked for, checked as far as it can be without looking at an email. @throws Problem */
const orderOf = (
  { clock, tenants }: BulkDeps,
  given: z.infer<typeof BulkInput>,
  address: BulkPlace,
  { by, identity }: { by: string; identity: Identity },
): BulkOperation => {
  const now = clock.now();
  const { filter, action, as, patch, replace, dryRun } = given;
  requireForMany(patch);
  if (patch !== undefined) tenants.requireRetries(patch, undefined, ['patch']);
  if (replace !== undefined) readReplacement(replace);
  return {
    id: newOperationId(now),
    address,
    filter: keptFilter(filter, now),
    action,
    dryRun: dryRun === true,
    by,
    hand: handOf(identity),
    ...(as && { as }),
    ...(patch && { patch }),
    ...(replace && { replace }),
  };
};

/** Where Redis is nearly full, emails are let go, canceled and deleted all the same; none is made, and none is changed. */
const makesRoom = ({ action, patch, replace }: BulkOperation): boolean =>
  action !== 'resend' && patch === undefined && replace === undefined;

const begin = async ({ operations, audit, budget }: BulkDeps, order: BulkOperation) => {
  const { id, address, by, action, filter, patch, replace } = order;
  const bound = await budget.bound(address.tenant, 'maxOperations', makesRoom(order));
  await operations.add(id, order, address.tenant, bound);
  if (!order.dryRun)
    await audit.record({
      by,
      what: `bulk ${action}`,
      ...address,
      target: id,
      fields: changesBetween({}, { filter, patch, replace }),
    });
  return { status: 202, headers: { Location: `/v1/operations/${id}` }, body: { id, state: 'waiting' } };
};

const BEGUN = {
  202: { description: 'It has begun, and goes on by itself.', schema: OperationBegun, headers: ['Location'] },
} as const;

const beginQueueBulk = endpoint({
  method: 'post',
  path: `${EMAILS}/bulk`,
  id: 'beginQueueBulk',
  tag: 'Bulk',
  summary: 'One action on all emails of a filter',
  description:
    'Releases, cancels, holds, sends, resolves, sends again or deletes each email that the filter finds, and may correct it first. `dryRun` changes nothing and tells what would be done.',
  may: { action: 'administer', over: 'queue' },
  body: json(BulkInput),
  grows: 'sometimes',
  answers: BEGUN,
  async handle(deps: BulkDeps & Pick<RouteDeps, 'tenants' | 'queues'>, { address, body, ...who }) {
    await existingQueue(deps, address);
    return begin(deps, orderOf(deps, body, address, who));
  },
});

const beginTenantBulk = endpoint({
  method: 'post',
  path: `${TENANT}/bulk`,
  id: 'beginTenantBulk',
  tag: 'Bulk',
  summary: 'One action on emails of all queues of a tenant',
  description: 'As `beginQueueBulk`, over the queues that the tenant has now.',
  may: { action: 'administer', over: 'tenant' },
  body: json(BulkInput),
  grows: 'sometimes',
  answers: BEGUN,
  async handle(deps: BulkDeps & Pick<RouteDeps, 'tenants'>, { tenant, body, ...who }) {
    const order = orderOf(deps, body, { tenant }, who);
    const applications = (await deps.tenants.queues(tenant)).map(({ application }) => application);
    return begin(deps, { ...order, applications });
  },
});

const verificationView = ({ id, order, state, result, createdAt, finishedAt, failedReason }: Verification) => ({
  id,
  state,
  tenant: order.tenant,
  transport: order.transport,
  action: 'verify',
  ...(result && { result }),
  createdAt: iso(createdAt),
  ...(finishedAt !== undefined && { finishedAt: iso(finishedAt) }),
  ...(failedReason && { reason: failedReason }),
});

const getOperation = endpoint({
  method: 'get',
  path: '/v1/operations/{id}',
  id: 'getOperation',
  tag: 'Bulk',
  summary: 'Progress of an operation',
  description: 'How far a bulk operation or an erasure is, or what came of a try of a transport. Kept for a week.',
  may: { action: 'read', over: 'reach' },
  answers: { 200: { description: 'The operation.', schema: OperationDetails } },
  problems: ['not-found'],
  async handle(
    { operations, erasures, orders, tenants }: Pick<RouteDeps, 'orders' | 'tenants'> & LongWork,
    { identity, params: { id } },
  ) {
    const isId = /^o_[0-9a-v]{26}$/.test(id);
    const since = await tenantSince(tenants, identity);
    const isOurs = (place: BulkPlace): boolean =>
      reaches(identity, place) && (since === undefined || idTime(id) >= Date.parse(since));
    const bulk = isId ? await operations.get(id) : undefined;
    if (bulk !== undefined && isOurs(bulk.data.address)) return { body: view(bulk) };
    const erasure = isId && bulk === undefined ? await erasures.get(id) : undefined;
    if (erasure !== undefined && isOurs(erasure.data)) return { body: erasureView(erasure) };
    const verification = isId && bulk === undefined && erasure === undefined ? await orders.get(id) : undefined;
    if (verification !== undefined && isOurs(verification.order)) return { body: verificationView(verification) };
    throw notFound(`operation ${id}`);
  },
});

/** Operations that a list looks at. */
const MOST_LISTED = 100;

type ListDeps = Pick<RouteDeps, 'tenants'> & Pick<BulkDeps, 'operations'>;

/** Begun since the tenant is there, for whoever has a key of it: one of its name may have been there before. */
const listed = async ({ operations, tenants }: ListDeps, identity: Identity, tenant: string) => {
  const since = (await tenantSince(tenants, identity)) ?? '';
  const all = (await operations.list(tenant, MOST_LISTED)).map(view);
  return all.filter(({ createdAt }) => createdAt >= since);
};

const LISTED = { 200: { description: 'The operations.', schema: OperationList } } as const;

const listTenantOperations = endpoint({
  method: 'get',
  path: `${TENANT}/operations`,
  id: 'listTenantOperations',
  tag: 'Bulk',
  summary: 'Operations on many emails of a tenant, newest first',
  description: 'Those of the last week, 100 at most, also those that are done with.',
  may: { action: 'read', over: 'tenant' },
  answers: LISTED,
  handle: async (deps: ListDeps, { tenant, identity }) => ({
    body: { operations: await listed(deps, identity, tenant) },
  }),
});

const listQueueOperations = endpoint({
  method: 'get',
  path: `${QUEUE}/operations`,
  id: 'listQueueOperations',
  tag: 'Bulk',
  summary: 'Operations on many emails of a queue, newest first',
  description: 'Those among the tenant’s last 100 that were begun on this queue.',
  may: { action: 'read', over: 'queue' },
  answers: LISTED,
  async handle(deps: ListDeps & Pick<RouteDeps, 'queues'>, { address, identity }) {
    await existingQueue(deps, address);
    const all = await listed(deps, identity, address.tenant);
    return { body: { operations: all.filter(({ application }) => application === address.application) } };
  },
});

export const BULK_ENDPOINTS = [
  beginQueueBulk,
  beginTenantBulk,
  getOperation,
  listTenantOperations,
  listQueueOperations,
];
