// Tenants and their settings.
import { Router } from 'express';
import { formatAddress } from '../../../libs/mail/address';
import { may } from '../../../libs/mail/api-key';
import { Problem } from '../../../libs/mail/problem';
import { queueName, Slug } from '../../../libs/mail/queue-address';
import { TenantSettings } from '../../../libs/mail/settings';
import { AT_ONCE } from '../../../libs/queue/due';
import type { Tenant } from '../../../libs/store/tenants';
import { keepOperatorSettings } from '../operator-settings';
import { identityOf, param, signatureOf } from '../auth';
import { notFound } from '../errors';
import { parseBody, parseInput, parseQuery } from '../input';
import { checkNames, pageOf, PageQuery } from '../page';
import type { Rooms } from '../rooms';

const view = ({ tenant, settings, createdAt, updatedAt }: Tenant) => ({
  tenant,
  ...settings,
  ...(settings.from && { from: formatAddress(settings.from) }),
  ...(settings.replyTo && { replyTo: settings.replyTo.map(formatAddress) }),
  enabled: settings.enabled ?? true,
  createdAt,
  updatedAt,
});

/** A tenant that may send again, by other limits perhaps: whatever became due meanwhile is looked at. */
export const wakeQueues = async (rooms: Rooms, tenant: string): Promise<void> => {
  const queues = await rooms.tenants.queues(tenant);
  await Promise.all(queues.map((queue) => rooms.due.announce(queueName(queue), AT_ONCE)));
};

export const tenantRoutes = (rooms: Rooms): Router => {
  const { guard, tenants } = rooms;
  const router = Router();

  router.get('/', async (request, response) => {
    guard.installation(response, 'operate');
    const asked = parseQuery(PageQuery, request);
    checkNames(asked, { parts: 1 });
    const { page, nextCursor } = pageOf(await tenants.list(), ({ tenant }) => tenant, asked);
    response.json({ tenants: page.map(view), nextCursor });
  });

  router.put('/:tenant', async (request, response) => {
    const slug = param(request, 'tenant');
    const known = (await tenants.tenant(slug)) !== undefined;
    if (known) await guard.tenant(request, response, 'administer');
    // As for a foreign one: nobody learns which exist.
    else if (!may(identityOf(response), 'operate')) throw notFound(`tenant ${slug}`);
    parseInput(Slug, slug, ['tenant']);
    const before = (await tenants.tenant(slug))?.settings ?? null;
    const settings = keepOperatorSettings(identityOf(response), parseBody(TenantSettings, request), before);
    const { tenant, created } = await tenants.put(slug, settings);
    await rooms.audit.record({
      by: signatureOf(identityOf(response)),
      what: 'tenant put',
      tenant: slug,
      fields: { settings: { before, after: settings } },
    });
    if (tenant.settings.enabled !== false) await wakeQueues(rooms, slug);
    response.status(created ? 201 : 200).json(view(tenant));
  });

  router.get('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const found = await tenants.tenant(tenant);
    if (found !== undefined) response.json(view(found));
  });

  router.delete('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'operate');
    const queues = await tenants.queues(tenant);
    if (queues.length > 0) {
      throw new Problem('tenant-not-empty', `the tenant has ${queues.length} queues: delete those first`);
    }
    for (const key of await rooms.keys.list()) if (key.tenant === tenant) await rooms.keys.revoke(key.id);
    await tenants.remove(tenant);
    await rooms.audit.record({ by: signatureOf(identityOf(response)), what: 'tenant deleted', tenant });
    response.status(204).end();
  });

  return router;
};
