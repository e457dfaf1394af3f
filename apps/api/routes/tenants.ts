// Tenants and their settings.
import { Router, type Request, type Response } from 'express';
import { may } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import { queueName, Slug } from '../../../libs/mail/address/queue-address';
import { TenantSettings } from '../../../libs/mail/settings/settings';
import { DUE_NOW } from '../../../libs/jobs/layout/schedule';
import { keepOperatorSettings } from '../../../libs/administration/operator-settings';
import { identityOf, param, signatureOf } from '../http/auth';
import { changesBetween } from '../../../libs/administration/field-diff';
import { COMPUTED, tenantDocument, tenantVersion, tenantView } from '../views/documents';
import { parseQuery } from '../http/input';
import { checkNames, pageOf, PageQuery } from '../http/page';
import type { Rooms } from '../http/rooms';
import { readChange, sendDocument, versionGuard } from '../http/settings-change';
import { parseInput } from '../../../libs/mail/input/parse-input';

/** A tenant that may send again, by other limits perhaps: whatever became due meanwhile is looked at. */
export const wakeQueues = async (rooms: Rooms, tenant: string): Promise<void> => {
  const queues = await rooms.tenants.queues(tenant);
  await Promise.all(queues.map((queue) => rooms.schedule.announce(queueName(queue), DUE_NOW)));
};

/** PUT and PATCH. */
const change = (rooms: Rooms) => async (request: Request, response: Response) => {
  const { guard, tenants } = rooms;
  const slug = param(request, 'tenant');
  const known = (await tenants.tenant(slug)) !== undefined;
  if (known) await guard.tenant(request, response, 'administer');
  // As for a foreign one: nobody learns which exist.
  else if (!may(identityOf(response), 'operate')) throw notFound(`tenant ${slug}`);
  parseInput(Slug, slug, ['tenant']);
  const identity = identityOf(response);
  const asked = readChange(
    request,
    response,
    { identity: { tenant: slug }, computed: COMPUTED.tenant },
    `tenant ${slug}`,
  );
  const { before, after } = await tenants.change(slug, (present) => {
    asked.requireVersion(present && tenantVersion(present));
    const settings = parseInput(TenantSettings, asked.wanted(present && tenantDocument(present.settings)));
    return keepOperatorSettings(identity, settings, present?.settings, asked.isPatch);
  });
  await rooms.audit.record({
    by: signatureOf(identity),
    what: `tenant ${asked.isPatch ? 'patched' : 'put'}`,
    tenant: slug,
    fields: changesBetween(before ? tenantDocument(before.settings) : {}, tenantDocument(after.settings)),
  });
  if (after.settings.enabled !== false) await wakeQueues(rooms, slug);
  sendDocument(response, before === undefined ? 201 : 200, tenantVersion(after), tenantView(after));
};

export const tenantRoutes = (rooms: Rooms): Router => {
  const { guard, tenants } = rooms;
  const router = Router();

  router.get('/', async (request, response) => {
    guard.installation(response, 'operate');
    const asked = parseQuery(PageQuery, request);
    checkNames(asked, { parts: 1 });
    const { page, nextCursor } = pageOf(await tenants.list(), ({ tenant }) => tenant, asked);
    response.json({ tenants: page.map(tenantView), nextCursor });
  });

  router.put('/:tenant', change(rooms));
  router.patch('/:tenant', change(rooms));

  router.get('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'read');
    const found = await tenants.tenant(tenant);
    if (found !== undefined) sendDocument(response, 200, tenantVersion(found), tenantView(found));
  });

  router.delete('/:tenant', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'operate');
    const present = await tenants.tenant(tenant);
    versionGuard(request)(present && tenantVersion(present));
    const queues = await tenants.queues(tenant);
    if (queues.length > 0) {
      throw new Problem('tenant-not-empty', `the tenant has ${queues.length} queues: delete those first`);
    }
    for (const key of await rooms.keys.list()) if (key.tenant === tenant) await rooms.keys.revoke(key.id);
    await tenants.remove(tenant);
    await rooms.audit.record({
      by: signatureOf(identityOf(response)),
      what: 'tenant deleted',
      tenant,
      fields: changesBetween(present ? tenantDocument(present.settings) : {}, {}),
    });
    response.status(204).end();
  });

  return router;
};
