// Which workers run.
import { Router } from 'express';
import type { Rooms } from '../http/rooms';

/** `GET /v1/workers`: for the operator, since workers belong to the installation. */
export const workerRoutes = (rooms: Rooms): Router => {
  const router = Router();
  router.get('/', async (_request, response) => {
    rooms.guard.installation(response, 'operate');
    const workers = await rooms.workers.list();
    response.json({
      workers: workers.map(({ id, version, startedAt, seenAt, places, busy }) => ({
        id,
        version,
        startedAt,
        seenAt,
        places,
        busy,
      })),
    });
  });
  return router;
};
