// `/console/events`: what open pages of somebody who is signed in listen to.
import { Router } from 'express';
import { reaches } from '../../../../libs/mail/settings/api-key';
import type { SessionGate } from '../../session/session-gate';
import type { LiveHub } from './live-hub';

export const liveRoutes = (hub: LiveHub, gate: SessionGate): Router => {
  const router = Router({ caseSensitive: true });
  router.get('/console/events', async (request, response) => {
    const identity = await gate.identityOf(request);
    // A browser that is told so does not ask again.
    if (identity === undefined) return void response.status(401).end();
    const wants = ({ tenant, application }: { tenant: string; application?: string }): boolean =>
      reaches(identity, { tenant, ...(application !== undefined && { application }) });
    hub.open(
      { owner: identity.id, wants, holds: async () => (await gate.identityOf(request, 'look')) !== undefined },
      response,
    );
  });
  return router;
};
