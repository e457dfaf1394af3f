// What takes longer than a request: bulk operations, begun on a queue or on all of a tenant, and tries of transports; looked up by their id.
import { Router, type Request, type Response } from 'express';
import { reaches } from '../../../libs/mail/settings/api-key';
import { newOperationId } from '../../../libs/jobs/layout/email-id';
import type { Verification } from '../../../libs/internal-queues/verify-requests';
import type { Operation, Operations } from '../../../libs/internal-queues/operations';
import { identityOf, param, signatureOf } from '../http/auth';
import { BulkInput, requireForMany } from '../../../libs/administration/bulk/bulk-input';
import { keptFilter, type BulkOperation, type BulkPlace } from '../../../libs/administration/bulk/bulk-operation';
import { readReplacement } from '../../../libs/administration/bulk/bulk-replace';
import { changesBetween } from '../../../libs/administration/field-diff';
import { parseBody } from '../http/input';
import type { Rooms } from '../http/rooms';
import { notFound } from '../../../libs/mail/input/problem';
import { existingQueue } from '../../../libs/administration/existing';

const iso = (ms: number): string => new Date(ms).toISOString();

const view = ({ id, state, data, progress, createdAt, finishedAt, failedReason }: Operation<BulkOperation>) => ({
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
const orderOf = (rooms: Rooms, request: Request, response: Response, address: BulkPlace): BulkOperation => {
  const { filter, action, as, patch, replace, dryRun } = parseBody(BulkInput, request);
  requireForMany(patch);
  if (replace !== undefined) readReplacement(replace);
  return {
    id: newOperationId(rooms.clock.now()),
    address,
    filter: keptFilter(filter, rooms.clock.now()),
    action,
    dryRun: dryRun === true,
    by: signatureOf(identityOf(response)),
    ...(as && { as }),
    ...(patch && { patch }),
    ...(replace && { replace }),
  };
};

const begin = async (
  rooms: Rooms,
  operations: Operations<BulkOperation>,
  order: BulkOperation,
  response: Response,
): Promise<void> => {
  const { id, address, by, action, filter, patch, replace } = order;
  await operations.add(id, order, address.tenant);
  if (!order.dryRun)
    await rooms.audit.record({
      by,
      what: `bulk ${action}`,
      ...address,
      target: id,
      fields: changesBetween({}, { filter, patch, replace }),
    });
  response.status(202).location(`/v1/operations/${id}`).json({ id, state: 'waiting' });
};

/** `POST .../emails/bulk`: the emails of one queue. */
export const bulkRoutes = (rooms: Rooms, operations: Operations<BulkOperation>): Router => {
  const router = Router({ mergeParams: true });
  router.post('/', async (request, response) => {
    const { address } = await rooms.guard.queue(request, response, 'administer');
    await existingQueue(rooms, address);
    await begin(rooms, operations, orderOf(rooms, request, response, address), response);
  });
  return router;
};

/** `POST /v1/tenants/{tenant}/bulk`: those of all its queues. */
export const tenantBulkRoutes = (rooms: Rooms, operations: Operations<BulkOperation>): Router => {
  const router = Router({ mergeParams: true });
  router.post('/', async (request, response) => {
    const { tenant } = await rooms.guard.tenant(request, response, 'administer');
    const order = orderOf(rooms, request, response, { tenant });
    const applications = (await rooms.tenants.queues(tenant)).map(({ application }) => application);
    await begin(rooms, operations, { ...order, applications }, response);
  });
  return router;
};

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

/** `GET /v1/operations/{id}` */
export const operationRoutes = ({ orders }: Rooms, operations: Operations<BulkOperation>): Router => {
  const router = Router();
  router.get('/:id', async (request, response) => {
    const id = param(request, 'id');
    const identity = identityOf(response);
    const isId = /^o_[0-9a-v]{26}$/.test(id);
    const operation = isId ? await operations.get(id) : undefined;
    const verification = isId && operation === undefined ? await orders.get(id) : undefined;
    if (operation !== undefined && reaches(identity, operation.data.address)) response.json(view(operation));
    else if (verification !== undefined && reaches(identity, verification.order))
      response.json(verificationView(verification));
    else throw notFound(`operation ${id}`);
  });
  return router;
};
