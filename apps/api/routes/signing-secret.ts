// The secret that a tenant's data sources check our requests with: shown and changed.
import { Router } from 'express';
import type { SigningSecrets } from '../../../libs/store/registries/signing-secrets';
import { signatureOf } from '../http/auth';
import type { Rooms } from '../http/rooms';

const view = ({ secret, previous }: SigningSecrets, now: number) => ({
  secret,
  ...(previous !== undefined &&
    previous.until > now && { previous: { secret: previous.secret, until: new Date(previous.until).toISOString() } }),
});

export const signingSecretRoutes = ({ guard, signingSecrets, audit, clock }: Rooms): Router => {
  const router = Router({ mergeParams: true });

  router.get('/', async (request, response) => {
    const { tenant } = await guard.tenant(request, response, 'administer');
    response.json(view(await signingSecrets.get(tenant), clock.now()));
  });

  router.post('/', async (request, response) => {
    const { tenant, identity } = await guard.tenant(request, response, 'administer');
    const rotated = await signingSecrets.rotate(tenant);
    await audit.record({ by: signatureOf(identity), what: 'signing secret changed', tenant });
    response.status(201).json(view(rotated, clock.now()));
  });

  return router;
};
