// Who changed what, when.
import { z } from 'zod';
import { FILTER_FIELDS, requireSpan } from '../../../../libs/administration/filter-input';
import { AuditPage } from '../../answers/installation';
import { tenantSince } from '../../http/auth';
import { endpoint } from '../../http/endpoint/endpoint';
import { openCursor, sealCursor } from '../../http/page';
import type { RouteDeps } from '../../http/route-deps';

const Part = z.string().min(1).max(200).optional();

const AuditQuery = z
  .strictObject({
    tenant: z.string().optional().meta({ description: 'What was changed in this tenant.' }),
    application: z.string().optional().meta({ description: 'What was changed in this application.' }),
    by: Part.meta({ description: 'A part of who did it.' }),
    about: Part.meta({ description: 'A part of what was done, or of what it was done to.' }),
    since: FILTER_FIELDS.since,
    until: FILTER_FIELDS.until,
    limit: z.coerce.number().int().min(1).max(200).default(50).meta({ description: 'How many a page has at most.' }),
    cursor: z.string().optional().meta({ description: '`nextCursor` of the page before, with the same filters.' }),
  })
  .superRefine((query, context) =>
    requireSpan(query, (path, message) => context.addIssue({ code: 'custom', path: [path], message })),
  );

/** The later one of two points in time; undefined where there is none. */
const later = (a: string | undefined, b: string | undefined): string | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(a) > Date.parse(b) ? a : b;
};

const readAudit = endpoint({
  method: 'get',
  path: '/v1/audit',
  id: 'readAudit',
  tag: 'Installation',
  summary: 'Who changed what, newest first',
  description:
    'Changes of settings, keys, templates and emails, within the key’s reach. Filters are combined; a short page may still have a cursor. Secrets never stand in it.',
  may: { action: 'administer', over: 'reach' },
  query: AuditQuery,
  answers: { 200: { description: 'One page.', schema: AuditPage } },
  async handle(
    { audit, tenants }: Pick<RouteDeps, 'audit' | 'tenants'>,
    { identity, query: { limit, cursor: given, ...query } },
  ) {
    const tenant = identity.tenant ?? query.tenant;
    const application = identity.application ?? query.application;
    const { by, about, since, until } = query;
    const list = `audit ${tenant ?? ''}/${application ?? ''} ${JSON.stringify([by, about, since, until])}`;
    const after = given === undefined ? undefined : openCursor(list, given);
    const { entries, cursor } = await audit.read({
      ...{ tenant, application, by, about, until },
      since: later(await tenantSince(tenants, identity), since),
      limit,
      cursor: after,
    });
    return { body: { entries, nextCursor: cursor === undefined ? null : sealCursor(list, cursor) } };
  },
});

export const AUDIT_ENDPOINTS = [readAudit];
