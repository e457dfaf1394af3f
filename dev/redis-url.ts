// Finds out whether the Redis that REDIS_URL names answers, and if not, why.
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { readEnv } from '../libs/runtime/env';
import { createLog } from '../libs/runtime/log';
import { connectRedis, whenReady } from '../libs/store/redis/redis';
import {
  readRedisUrl,
  REDIS_ENV,
  requireRedisPlace,
  shownRedisUrl,
  toRedisConfig,
  type RedisConfig,
} from '../libs/store/servers/redis-place';
import { askRedis } from './redis-client';
import { reasonOf, StopError } from './telling';

/** What connecting and each question may take, ms. */
const PATIENCE_MS = 5_000;

const SCHEMA = z.object(REDIS_ENV).superRefine(requireRedisPlace);

const readConfig = (text: string): RedisConfig => {
  try {
    return toRedisConfig(readEnv(SCHEMA, { ...process.env, REDIS_URL: text }));
  } catch (error) {
    throw new StopError(reasonOf(error));
  }
};

/** Of several servers one is found as the service itself finds it. */
const askAny = async ({ redisUrl: url, redisSecrets: secrets }: RedisConfig): Promise<void> => {
  const redis = connectRedis({ url, secrets, patience: 'wait', name: 'start', log: createLog('start', 'silent') });
  let last = 'no answer';
  redis.on('error', (error: Error) => (last = error.message));
  try {
    const isReady = whenReady(redis).then(() => true);
    if (!(await Promise.race([isReady, pause(PATIENCE_MS, false)]))) throw new Error(last);
  } finally {
    redis.disconnect();
  }
};

/** The address without user and password, fit to be printed. */
export const shownUrl = shownRedisUrl;

/**
 * Asks the server for a sign of life.
 * @throws StopError with the address, the reason and the cure
 */
export const requireRedis = async (text: string): Promise<void> => {
  const config = readConfig(text);
  const isPlain = readRedisUrl(text).kind === 'server' && config.redisSecrets?.ca === undefined;
  try {
    await (isPlain ? askRedis(text, (redis) => redis.ping(), PATIENCE_MS) : askAny(config));
  } catch (error) {
    throw new StopError(
      `REDIS_URL=${shownUrl(text)} does not answer (${reasonOf(error)}). Start that server, correct the address, or ` +
        'unset REDIS_URL to let Rohrpost start a Redis of its own.',
    );
  }
};
