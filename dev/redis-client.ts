// A connection to a Redis server that is only just found or started: it never comes back by itself, and says what is wrong.
import { Redis, ReplyError } from 'ioredis';
import { reasonOf } from './telling';

/** `refused`: the server answered with an error. `absent`: nobody listens. `alien`: it listens, but speaks something else. */
type Trouble = 'refused' | 'absent' | 'closed' | 'silent' | 'alien' | 'unreachable';

/** A server that could not be asked; the message says why. */
export class RedisTrouble extends Error {
  override name = 'RedisTrouble';

  constructor(
    readonly kind: Trouble,
    message: string,
  ) {
    super(message);
  }
}

const TIMEOUT = 2_000;

const CODES: Record<string, Trouble> = {
  ECONNREFUSED: 'absent',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
};

/** ioredis gives most of its own errors no code, so they are told apart by their words; a new release may change them. */
const troubleOf = (error: unknown, timeout: number): RedisTrouble => {
  const message = reasonOf(error);
  // A server that takes no more clients says so before it is asked.
  const [, unasked] = /^Command queue state error.* Last reply: (.*)/.exec(message) ?? [];
  if (error instanceof ReplyError || unasked !== undefined) return new RedisTrouble('refused', unasked ?? message);
  if (message === 'connect ETIMEDOUT') return new RedisTrouble('silent', `no connection within ${timeout} ms`);
  if (message === 'Command timed out') return new RedisTrouble('silent', `no answer within ${timeout} ms`);
  if (message.startsWith('Unknown RESP type'))
    return new RedisTrouble('alien', 'what answers there is not a Redis server');
  // The second is said of a command after the connection has gone.
  if (message === 'Connection is closed.' || message.startsWith("Stream isn't writeable"))
    return new RedisTrouble('closed', 'the connection was closed');
  return new RedisTrouble(CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'unreachable', message);
};

/** Opens a connection and asks; the connection stays open unless this fails. */
const connect = async <T>(
  url: string,
  ask: (redis: Redis) => Promise<T>,
  timeout: number,
): Promise<{ redis: Redis; answer: T }> => {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: timeout,
    commandTimeout: timeout,
    // Closed at once, whether or not the server still listens: the process may end then.
    disconnectTimeout: 0,
    enableOfflineQueue: false,
    // Nothing is said but what the URL and the caller say: no INFO, no HELLO, no CLIENT SETINFO.
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
  });
  let cause: unknown;
  redis.on('error', (error: Error) => (cause ??= error));
  try {
    await redis.connect();
    return { redis, answer: await ask(redis) };
  } catch (error) {
    redis.disconnect();
    // Where a connection broke, ioredis tells each command only that it is closed.
    throw troubleOf(error instanceof ReplyError ? error : (cause ?? error), timeout);
  }
};

/**
 * Opens a connection. It ends (`end`) when the server goes; a command without an answer within 2 s is rejected.
 * @param url with user and password where the server is known to want them
 * @param greet what is said first
 * @throws RedisTrouble
 */
export const openRedis = async (url: string, greet: (redis: Redis) => Promise<unknown>): Promise<Redis> =>
  (await connect(url, greet, TIMEOUT)).redis;

/**
 * Asks a server over a connection that is closed afterwards.
 * @param timeout ms that connecting and each command may take
 * @returns what `ask` gives
 * @throws RedisTrouble
 */
export const askRedis = async <T>(url: string, ask: (redis: Redis) => Promise<T>, timeout = TIMEOUT): Promise<T> => {
  const { redis, answer } = await connect(url, ask, timeout);
  redis.disconnect();
  return answer;
};
