// The whole installation: paused and resumed by the operator.
import { Router } from 'express';
import { signatureOf } from '../http/auth';
import { parseBody } from '../http/input';
import { PauseInput } from '../../../libs/administration/pause';
import type { Rooms } from '../http/rooms';
import type { PauseNote } from '../../../libs/store/registries/installation';

const view = (note: PauseNote | undefined) => ({ paused: note !== undefined, ...note });

export const installationRoutes = ({ guard, installation, audit }: Rooms): Router => {
  const router = Router();

  router.get('/pause', async (_request, response) => {
    guard.installation(response, 'operate');
    response.json(view(await installation.pauseNote()));
  });

  router.post('/pause', async (request, response) => {
    const by = signatureOf(guard.installation(response, 'operate'));
    const { reason } = parseBody(PauseInput, request);
    const note = await installation.pause(by, reason);
    await audit.record({ by, what: 'installation paused', ...(reason !== undefined && { reason }) });
    response.json(view(note));
  });

  router.post('/resume', async (request, response) => {
    const by = signatureOf(guard.installation(response, 'operate'));
    const { reason } = parseBody(PauseInput, request);
    await installation.resume();
    await audit.record({ by, what: 'installation resumed', ...(reason !== undefined && { reason }) });
    response.json(view(undefined));
  });

  return router;
};
