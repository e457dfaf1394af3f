// Who changed what, when.
import { z } from 'zod';
import { AuditPage } from '../../answers/installation';
import { tenantSince } from '../../http/auth';
import { endpoint } from '../../http/endpoint/endpoint';
import { openCursor, sealCursor } from '../../http/page';
import type { RouteDeps } from '../../http/route-deps';

const AuditQuery = z.strictObject({
  tenant: z.string().optional(),
  application: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

const readAudit = endpoint({
  method: 'get',
  path: '/v1/audit',
  id: 'readAudit',
  tag: 'Installation',
  summary: 'Who changed what, newest first',
  description: 'Changes of settings, keys, templates and emails, within the key’s reach. Secrets never stand in it.',
  may: { action: 'administer', over: 'reach' },
  query: AuditQuery,
  answers: { 200: { description: 'One page.', schema: AuditPage } },
  async handle(
    { audit, tenants }: Pick<RouteDeps, 'audit' | 'tenants'>,
    { identity, query: { limit, cursor: given, ...query } },
  ) {
    const tenant = identity.tenant ?? query.tenant;
    const application = identity.application ?? query.application;
    const list = `audit ${tenant ?? ''}/${application ?? ''}`;
    const after = given === undefined ? undefined : openCursor(list, given);
    const { entries, cursor } = await audit.read({
      tenant,
      application,
      since: await tenantSince(tenants, identity),
      limit,
      cursor: after,
    });
    return { body: { entries, nextCursor: cursor === undefined ? null : sealCursor(list, cursor) } };
  },
});

export const AUDIT_ENDPOINTS = [readAudit];
