// API keys: issued, listed, revoked.
import { Router, type Response } from 'express';
import { ApiKeyInput, may, reaches, type Identity } from '../../../libs/mail/settings/api-key';
import { Problem, notFound } from '../../../libs/mail/input/problem';
import type { StoredApiKey } from '../../../libs/store/registries/api-keys';
import { identityOf, param, signatureOf } from '../http/auth';
import { changesBetween } from '../../../libs/administration/field-diff';
import { parseBody } from '../http/input';
import type { Rooms } from '../http/rooms';
import { apiKeyView } from '../views/view';

const administrator = (response: Response): Identity => {
  const identity = identityOf(response);
  if (!may(identity, 'administer'))
    throw new Problem('forbidden', `a key with the role ${identity.role} may not do this`);
  return identity;
};

/** A key's reach lies within the administrator's. */
const within = (
  identity: Identity,
  key: { role: string; tenant?: string | undefined; application?: string | undefined },
): boolean => {
  if (identity.role === 'operator') return true;
  if (key.role === 'operator' || key.tenant === undefined) return false;
  return reaches(identity, {
    tenant: key.tenant,
    ...(key.application !== undefined && { application: key.application }),
  });
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
    const input = parseBody(ApiKeyInput, request);
    if (!within(identity, input)) throw new Problem('forbidden', 'a key may reach no farther than yours');
    if (input.tenant !== undefined && (await tenants.tenant(input.tenant)) === undefined)
      throw notFound(`tenant ${input.tenant}`);
    const { stored, key } = await keys.issue(input);
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
    response.json({ keys: (await keys.list()).filter((key) => within(identity, key)).map(apiKeyView) });
  });

  router.delete('/:id', async (request, response) => {
    const identity = administrator(response);
    const id = param(request, 'id');
    const key = (await keys.list()).find((one) => one.id === id);
    if (key === undefined || !within(identity, key)) throw notFound(`key ${id}`);
    await keys.revoke(id);
    await rooms.audit.record({
      by: signatureOf(identity),
      what: 'key revoked',
      ...placeOf(key),
      target: id,
      fields: changesBetween(apiKeyView(key), {}),
    });
    response.status(204).end();
  });

  return router;
};
