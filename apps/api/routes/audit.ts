// Who changed what, when.
import { Router } from 'express';
import { z } from 'zod';
import { may } from '../../../libs/mail/settings/api-key';
import { Problem } from '../../../libs/mail/input/problem';
import { identityOf, tenantSince } from '../http/auth';
import { parseQuery } from '../http/input';
import { openCursor, sealCursor } from '../http/page';
import type { Rooms } from '../http/rooms';

export const AuditQuery = z.strictObject({
  tenant: z.string().optional(),
  application: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

export const auditRoutes = (rooms: Rooms): Router => {
  const router = Router();
  router.get('/', async (request, response) => {
    const identity = identityOf(response);
    if (!may(identity, 'administer'))
      throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
    const { limit, cursor: given, ...query } = parseQuery(AuditQuery, request);
    const tenant = identity.tenant ?? query.tenant;
    const application = identity.application ?? query.application;
    const list = `audit ${tenant ?? ''}/${application ?? ''}`;
    const after = given === undefined ? undefined : openCursor(list, given);
    const { entries, cursor } = await rooms.audit.read({
      tenant,
      application,
      since: await tenantSince(rooms, identity),
      limit,
      cursor: after,
    });
    response.json({ entries, nextCursor: cursor === undefined ? null : sealCursor(list, cursor) });
  });
  return router;
};
