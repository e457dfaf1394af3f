// Finds out whether the Redis that REDIS_URL names answers, and if not, why.
import { openResp } from './resp';
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
  const url = parseUrl(text);
  const host = decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')) || '127.0.0.1';
  try {
    const redis = await openResp(
      { host, port: Number(url.port || 6379), tls: url.protocol === 'rediss:' },
      { timeout: 5_000 },
    );
    try {
      const user = decodeURIComponent(url.username);
      const password = decodeURIComponent(url.password);
      if (password !== '') await redis.call('AUTH', ...(user === '' ? [] : [user]), password);
      await redis.call('PING');
    } finally {
      redis.close();
    }
  } catch (error) {
    throw new StopError(
      `REDIS_URL=${shownUrl(text)} does not answer (${reasonOf(error)}). Start that server, correct the address, or ` +
        'unset REDIS_URL to let Rohrpost start a Redis of its own.',
    );
  }
};
