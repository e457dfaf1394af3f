// Finds out whether the Redis that REDIS_URL names answers, and if not, why.
import { askRedis } from './redis-client';
import { reasonOf, StopError } from './telling';

const parseUrl = (text: string): URL => {
  try {
    const url = new URL(text);
    if (url.protocol === 'redis:' || url.protocol === 'rediss:') return url;
  } catch {
    // Told below, without the text: it may hold a password.
  }
  throw new StopError('REDIS_URL must look like redis://host:6379 or rediss://user:password@host:6380/0.');
};

/** The address without user and password, fit to be printed. */
export const shownUrl = (text: string): string => {
  const url = parseUrl(text);
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
};

/**
 * Asks the server for a sign of life.
 * @throws StopError with the address, the reason and the cure
 */
export const requireRedis = async (text: string): Promise<void> => {
  parseUrl(text);
  try {
    await askRedis(text, (redis) => redis.ping(), 5_000);
  } catch (error) {
    throw new StopError(
      `REDIS_URL=${shownUrl(text)} does not answer (${reasonOf(error)}). Start that server, correct the address, or ` +
        'unset REDIS_URL to let Rohrpost start a Redis of its own.',
    );
  }
};
