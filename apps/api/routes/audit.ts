// Who changed what, when.
import { Router } from 'express';
import { z } from 'zod';
import type { Audit } from '../../../libs/events/audit';
import { may } from '../../../libs/mail/api-key';
import { Problem } from '../../../libs/mail/problem';
import { identityOf } from '../auth';
import { parseQuery } from '../input';

export const AuditQuery = z.strictObject({
  tenant: z.string().optional(),
  application: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^\d+-\d+$/)
    .optional(),
});

export const auditRoutes = (audit: Audit): Router => {
  const router = Router();
  router.get('/', async (request, response) => {
    const identity = identityOf(response);
    if (!may(identity, 'administer'))
      throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
    const query = parseQuery(AuditQuery, request);
    const { entries, cursor } = await audit.read({
      ...query,
      tenant: identity.tenant ?? query.tenant,
      application: identity.application ?? query.application,
    });
    response.json({ entries, nextCursor: cursor ?? null });
  });
  return router;
};
