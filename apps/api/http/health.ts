// Is the API alive, and is it ready: what orchestrators ask.
import { Router } from 'express';
import type { ContentStore } from '../../../libs/content/store';
import { redisProblems, type Redis } from '../../../libs/store/redis/redis';

/**
 * Liveness never asks Redis: a restart of every replica would not bring it back.
 * @param stopping whoever balances load looks for another replica then, while this one still answers
 */
export const healthRoutes = (
  deps: { redis: Redis; content: Pick<ContentStore, 'problems'> },
  trusted: boolean,
  stopping: () => boolean,
): Router => {
  const templates = trusted ? 'trusted' : 'sandboxed';
  const router = Router();
  router.get('/livez', (_request, response) => void response.json({ status: 'ok' }));
  router.get('/readyz', async (_request, response) => {
    const [ofRedis, ofContent] = stopping()
      ? [['this process is stopping'], []]
      : await Promise.all([redisProblems(deps.redis), deps.content.problems()]);
    const problems = [...ofRedis, ...ofContent.map(({ text }) => text)];
    response
      .status(problems.length === 0 ? 200 : 503)
      .json({ status: problems.length === 0 ? 'ok' : 'unfit', problems, templates });
  });
  return router;
};
