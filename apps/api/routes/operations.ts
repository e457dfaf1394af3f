// What takes longer than a request: bulk operations, begun on a queue, and tries of transports; looked up by their id.
import { Router } from 'express';
import { reaches } from '../../../libs/mail/api-key';
import { newOperationId } from '../../../libs/queue/email-id';
import type { Verification } from '../../../libs/queue/internal-jobs';
import type { Operation, Operations } from '../../../libs/queue/operations';
import { identityOf, param, signatureOf } from '../auth';
import { BulkInput, type BulkOrder } from '../bulk';
import { notFound } from '../errors';
import { parseBody } from '../input';
import type { Rooms } from '../rooms';
import { existingQueue } from './emails';

const iso = (ms: number): string => new Date(ms).toISOString();

const view = ({ id, state, data, progress, createdAt, finishedAt, failedReason }: Operation<BulkOrder>) => ({
  id,
  state,
  tenant: data.address.tenant,
  application: data.address.application,
  action: data.action,
  dryRun: data.dryRun,
  matched: progress.matched,
  done: progress.done,
  failed: progress.failed,
  errors: progress.errors,
  createdAt: iso(createdAt),
  ...(finishedAt !== undefined && { finishedAt: iso(finishedAt) }),
  ...(failedReason && { reason: failedReason }),
});

/** `POST .../emails/bulk` */
export const bulkRoutes = (rooms: Rooms, operations: Operations<BulkOrder>): Router => {
  const router = Router({ mergeParams: true });
  router.post('/', async (request, response) => {
    const { address, identity } = await rooms.guard.queue(request, response, 'administer');
    await existingQueue(rooms, address);
    const { filter, action, patch, dryRun } = parseBody(BulkInput, request);
    const now = rooms.clock.now();
    const { since, until, ...rest } = filter;
    const id = newOperationId(now);
    const order: BulkOrder = {
      id,
      address,
      // What is accepted while the operation runs is not part of it.
      filter: {
        ...rest,
        until: Math.min(until === undefined ? now : Date.parse(until), now),
        ...(since && { since: Date.parse(since) }),
      },
      action,
      dryRun: dryRun === true,
      by: signatureOf(identity),
      ...(patch && { patch }),
    };
    await operations.add(id, order);
    response.status(202).location(`/v1/operations/${id}`).json({ id, state: 'waiting' });
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
export const operationRoutes = ({ orders }: Rooms, operations: Operations<BulkOrder>): Router => {
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
