// API keys: issued, listed, revoked.
import { Router, type Response } from 'express';
import { z } from 'zod';
import { ApiKeyInput, may, type Identity } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import type { StoredApiKey } from '../../../libs/store/registries/api-keys';
import { identityOf, param, signatureOf } from '../http/auth';
import { boundedKey, isWithinReach, requireShortChain, revokeKey } from '../../../libs/administration/api-keys';
import { changesBetween } from '../../../libs/administration/field-diff';
import { parseBody, parseQuery } from '../http/input';
import type { Rooms } from '../http/rooms';
import { apiKeyView } from '../views/view';

/** What becomes of the keys that a revoked one issued. */
export const RevokeQuery = z.strictObject({ issued: z.enum(['keep', 'revoke']).optional() });

const administrator = (response: Response): Identity => {
  const identity = identityOf(response);
  if (!may(identity, 'administer'))
    throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
  return identity;
};

/** Where a key belongs, for the audit. */
const placeOf = ({ tenant, application }: StoredApiKey): { tenant?: string; application?: string } => ({
  ...(tenant && { tenant }),
  ...(application && { application }),
});

export const keyRoutes = (rooms: Rooms): Router => {
  const { keys, tenants } = rooms;
  const router = Router();

  router.post('/', async (request, response) => {
    const identity = administrator(response);
    const input = boundedKey(identity, parseBody(ApiKeyInput, request));
    await requireShortChain(keys, identity);
    if (input.tenant !== undefined && (await tenants.tenant(input.tenant)) === undefined)
      throw notFound(`tenant ${input.tenant}`);
    const { stored, key } = await keys.issue(input, identity);
    await rooms.audit.record({
      by: signatureOf(identity),
      what: `key issued (${stored.role})`,
      ...placeOf(stored),
      target: stored.id,
      fields: changesBetween({}, apiKeyView(stored)),
    });
    response.status(201).json({ ...apiKeyView(stored), key });
  });

  router.get('/', async (_request, response) => {
    const identity = administrator(response);
    response.json({ keys: (await keys.list()).filter((key) => isWithinReach(identity, key)).map(apiKeyView) });
  });

  router.delete('/:id', async (request, response) => {
    const identity = administrator(response);
    const id = param(request, 'id');
    const key = (await keys.list()).find((one) => one.id === id);
    if (key === undefined || !isWithinReach(identity, key)) throw notFound(`key ${id}`);
    const { issued } = parseQuery(RevokeQuery, request);
    for (const revoked of await revokeKey(rooms, key, issued))
      await rooms.audit.record({
        by: signatureOf(identity),
        what: 'key revoked',
        ...placeOf(revoked),
        target: revoked.id,
        fields: changesBetween(apiKeyView(revoked), {}),
      });
    response.status(204).end();
  });

  return router;
};
