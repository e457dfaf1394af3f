// Is the API alive, and is it ready: what orchestrators ask.
import { Router } from 'express';
import { redisFault, redisUnfit, requireReady, type Redis } from '../../libs/store/redis';

const problemsOf = async (redis: Redis): Promise<string[]> => {
  try {
    requireReady(redis);
    return await redisUnfit(redis);
  } catch (error) {
    if (redisFault(error) === undefined) throw error;
    return ['Redis does not answer'];
  }
};

/**
 * Liveness never asks Redis: a restart of every replica would not bring it back.
 * @param stopping whoever balances load looks for another replica then, while this one still answers
 */
export const healthRoutes = (redis: Redis, trusted: boolean, stopping: () => boolean): Router => {
  const templates = trusted ? 'trusted' : 'sandboxed';
  const router = Router();
  router.get('/livez', (_request, response) => void response.json({ status: 'ok' }));
  router.get('/readyz', async (_request, response) => {
    const problems = stopping() ? ['this process is stopping'] : await problemsOf(redis);
    response
      .status(problems.length === 0 ? 200 : 503)
      .json({ status: problems.length === 0 ? 'ok' : 'unfit', problems, templates });
  });
  return router;
};
