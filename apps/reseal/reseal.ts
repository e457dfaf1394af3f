// Seals every stored secret with the newest key, and says what an operator may take out of ROHRPOST_SECRET_KEYS now.
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { createTokenRecords } from '../../libs/oauth/token-records';
import { systemClock } from '../../libs/runtime/clock';
import type { Log } from '../../libs/runtime/log';
import { createChanges } from '../../libs/store/redis/settings-cache';
import { claimFormat } from '../../libs/store/redis/format';
import { connectRedis, whenReady } from '../../libs/store/redis/redis';
import { createEmailSeals } from '../../libs/jobs/repair/reseal-emails';
import { createSecretBox, SecretKeysText, type SecretBox } from '../../libs/store/redis/secret-box';
import { REDIS_ENV, toRedisConfig } from '../../libs/store/servers/redis-place';
import { createResealAll, type ResealReport } from '../../libs/store/registries/reseal';
import { createSigningSecrets } from '../../libs/store/registries/signing-secrets';
import { createListening } from '../../libs/store/registries/listening';
import { createTransports } from '../../libs/store/registries/transports';
import { createWorkers } from '../../libs/store/registries/workers';
import { createErasedSuppressions } from '../../libs/store/suppressions/erased';
import { createWebhooks } from '../../libs/store/webhooks/registry';

export const ResealEnv = z.object({
  ...REDIS_ENV,
  ROHRPOST_SECRET_KEYS: SecretKeysText,
});

/** Somebody waits in front of the screen. */
const PATIENCE_MS = 10_000;

/** What it came to, in lines for a person. */
export interface Told {
  lines: string[];
  /** Everything is under the newest key. */
  done: boolean;
}

const tell = ({ resealed, counts, without }: ResealReport, { newestKey, keys }: SecretBox): Told => {
  const older = Object.keys(counts).filter((key) => key !== newestKey);
  const missing = older.filter((key) => !keys.includes(key));
  const unused = keys.filter((key) => key !== newestKey && counts[key] === undefined);
  const lines = [
    `${resealed} records were sealed anew; ${counts[newestKey] ?? 0} secrets are sealed with the newest key, "${newestKey}".`,
  ];
  if (without.length > 0)
    lines.push(
      `Nothing was sealed anew: these workers do not hold "${newestKey}", restart them with it: ${without.join(', ')}.`,
    );
  for (const key of older) {
    const why = missing.includes(key)
      ? ', which ROHRPOST_SECRET_KEYS does not hold: add it, or give these secrets again'
      : '';
    lines.push(`${counts[key]} secrets are still sealed with "${key}"${why}.`);
  }
  if (unused.length > 0)
    lines.push(
      `No secret needs these any more: ${unused.join(', ')}. Once every process runs with "${newestKey}" first, take them out.`,
    );
  return { lines, done: older.length === 0 };
};

/**
 * Goes through everything once; may be ended and begun again at any time.
 * @throws OtherFormat where another version of the service wrote what Redis holds
 */
export const reseal = async (env: z.infer<typeof ResealEnv>, log: Log): Promise<Told> => {
  const { redisUrl: url, redisSecrets: secretsOfRedis } = toRedisConfig(env);
  const connect = (name: string, listens = false) =>
    connectRedis({ url, secrets: secretsOfRedis, patience: 'wait', name: `reseal:${name}`, listens, log });
  const [redis, subscriber] = [connect('main'), connect('subscriber', true)];
  try {
    const late = pause(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error('Redis does not answer: look at REDIS_URL, then try again');
    });
    await Promise.race([whenReady(redis), late]);
    await claimFormat(redis);
    const secrets = createSecretBox(env.ROHRPOST_SECRET_KEYS);
    const deps = { redis, secrets, clock: systemClock, changes: createChanges({ redis, subscriber }) };
    const webhooks = createWebhooks({ ...deps, listening: createListening(deps) });
    const owners = [
      createTransports(deps),
      createSigningSecrets(deps),
      createErasedSuppressions(deps),
      createTokenRecords(deps),
      webhooks,
      createEmailSeals(deps),
    ];
    const report = await createResealAll({ ...deps, workers: createWorkers(redis), owners })();
    return tell(report ?? { resealed: 0, counts: {}, without: [] }, secrets);
  } finally {
    redis.disconnect();
    subscriber.disconnect();
  }
};
