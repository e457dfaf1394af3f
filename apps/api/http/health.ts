// Is the API alive, is it ready, and what does it count: what orchestrators and Prometheus ask.
import { Router } from 'express';
import type { ContentStore } from '../../../libs/content/store';
import type { Metrics } from '../../../libs/runtime/telemetry/metrics';
import type { Durability } from '../../../libs/store/durability/durability';
import { redisProblems, type Redis } from '../../../libs/store/redis/redis';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import { missingSecretKeys, type MissingKeys } from '../../../libs/store/registries/reseal';

const NO_KEY_MISSING: MissingKeys = { problems: [], all: false };

/**
 * Liveness never asks Redis: a restart of every replica would not bring it back.
 * @param stopping whoever balances load looks for another replica then, while this one still answers
 */
export const healthRoutes = (
  deps: {
    redis: Redis;
    durability: Pick<Durability, 'problem'>;
    content: Pick<ContentStore, 'problems'>;
    secrets: Pick<SecretBox, 'keys'>;
    metrics: Pick<Metrics, 'text' | 'contentType'>;
  },
  trusted: boolean,
  stopping: () => boolean,
): Router => {
  const templates = trusted ? 'trusted' : 'sandboxed';
  const router = Router();
  router.get('/livez', (_request, response) => void response.json({ status: 'ok' }));
  router.get('/metrics', async (_request, response) => {
    const text = await deps.metrics.text();
    response.setHeader('Content-Type', deps.metrics.contentType);
    response.end(text);
  });
  router.get('/readyz', async (_request, response) => {
    const [ofRedis, notDurable, ofContent, secrets] = stopping()
      ? [['this process is stopping'], undefined, [], NO_KEY_MISSING]
      : await Promise.all([
          redisProblems(deps.redis),
          deps.durability.problem(),
          deps.content.problems(),
          missingSecretKeys(deps.redis, deps.secrets),
        ]);
    // A key that only some secrets need keeps no request from being answered: no reason to send callers away.
    const problems = [
      ...ofRedis,
      ...(notDurable === undefined ? [] : [notDurable]),
      ...ofContent.map(({ text }) => text),
      ...(secrets.all ? secrets.problems : []),
    ];
    const warnings = secrets.all ? [] : secrets.problems;
    response.status(problems.length === 0 ? 200 : 503).json({
      status: problems.length === 0 ? 'ok' : 'unfit',
      problems,
      ...(warnings.length > 0 && { warnings }),
      templates,
    });
  });
  return router;
};
