// Transports of a tenant: put, looked at, tried.
import { Router } from 'express';
import { may } from '../../../libs/mail/api-key';
import { problemAt } from '../../../libs/mail/problem';
import { Slug, SLUG } from '../../../libs/mail/queue-address';
import { TransportInput, type StoredTransport } from '../../../libs/mail/transport';
import { newOperationId } from '../../../libs/queue/email-id';
import { param, signatureOf } from '../auth';
import { notFound } from '../errors';
import { parseBody, parseInput } from '../input';
import type { Rooms } from '../rooms';
import { transportView } from '../view';
import { wakeQueues } from './tenants';

export const transportRoutes = (rooms: Rooms): Router => {
  const { guard, transports } = rooms;
  const router = Router({ mergeParams: true });

  /** @throws Problem `not-found` */
  const existing = async (tenant: string, name: string): Promise<StoredTransport> => {
    const found = SLUG.test(name) ? await transports.get(tenant, name) : undefined;
    if (found === undefined) throw notFound(`transport ${name}`);
    return found;
  };

  router.get('/', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const all = await transports.list(tenant);
    response.json({ transports: all.map(({ name, transport }) => transportView(name, transport)) });
  });

  router.put('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, 'administer');
    const name = parseInput(Slug, param(request, 'name'), ['name']);
    const input = parseBody(TransportInput, request);
    if (input.auth !== undefined && input.security === 'none' && !may(identity, 'operate')) {
      throw problemAt(
        'plaintext-auth',
        ['security'],
        'must be starttls or tls where there are credentials: only the operator may allow them in clear',
      );
    }
    const { transport, created } = await transports.put(tenant, name, input);
    await rooms.breakers.reset(tenant, name);
    await rooms.limits.reset(tenant, name);
    await wakeQueues(rooms, tenant);
    await rooms.audit.record({
      by: signatureOf(identity),
      what: 'transport put',
      tenant,
      target: name,
      fields: { transport: { before: null, after: transportView(name, transport) } },
    });
    response.status(created ? 201 : 200).json(transportView(name, transport));
  });

  router.get('/:name', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const name = param(request, 'name');
    response.json(transportView(name, await existing(tenant, name)));
  });

  router.delete('/:name', async (request, response) => {
    const { identity, tenant } = await guard.tenant(request, response, 'administer');
    const name = param(request, 'name');
    if (!(await transports.remove(tenant, name))) throw notFound(`transport ${name}`);
    await rooms.audit.record({ by: signatureOf(identity), what: 'transport deleted', tenant, target: name });
    response.status(204).end();
  });

  router.post('/:name/verify', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'administer');
    const name = param(request, 'name');
    await existing(tenant, name);
    const id = newOperationId();
    const result = await rooms.orders.verify(id, { tenant, transport: name });
    if (result !== undefined) response.json(result);
    else response.status(202).location(`/v1/operations/${id}`).json({ id, state: 'running' });
  });

  return router;
};
