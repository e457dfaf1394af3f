// Watches the embedded Redis on behalf of one launcher: nobody else's meanwhile, and started again if it dies.
import type { Redis } from 'ioredis';
import { startRedis, type RedisServer } from './redis';
import { reasonOf, shownPath, StopError, type Say } from './telling';

export interface GuardedRedis {
  url: string;
  /** In words. */
  title: string;
  stop(): Promise<void>;
}

/** The name of the connection that says "this Redis has its launcher". It ends with the launcher, however that ends. */
const NAME = 'rohrpost-launcher';
const PAUSE = 1_000;

const claim = async (server: RedisServer, dataDir: string): Promise<Redis> => {
  const redis = await server.connect();
  const clients = String(await redis.call('CLIENT', 'LIST'));
  if (clients.includes(`name=${NAME} `)) {
    redis.disconnect();
    throw new StopError(
      `Another npm start is running with the data folder ${shownPath(dataDir)}. ` +
        'Stop it first, or give this one its own folder: ROHRPOST_DATA_DIR=.rohrpost-2 npm start',
    );
  }
  await redis.call('CLIENT', 'SETNAME', NAME);
  return redis;
};

/**
 * Starts the embedded Redis, or takes over the one that an earlier run left, and keeps it running.
 * @throws StopError where another launcher has it, or none can be started
 */
export const guardRedis = async (dataDir: string, say: Say): Promise<GuardedRedis> => {
  let server = await startRedis({ dataDir, say });
  let hold = await claim(server, dataDir);
  let stopping = false;
  const again = async (): Promise<void> => {
    if (stopping) return;
    say(`Redis is gone; starting it again. Its log: ${shownPath(`${dataDir}/logs/redis.log`)}`);
    try {
      // On the same port: the services know no other.
      server = await startRedis({ dataDir, port: server.port, say });
      hold = await claim(server, dataDir);
      say('Redis runs again.');
      watch();
    } catch (error) {
      say(reasonOf(error));
      setTimeout(() => void again(), PAUSE).unref();
    }
  };
  const watch = (): void => void hold.once('end', () => void again());
  watch();

  const { version, port, reused, url } = server;
  return {
    url,
    title: `${version}, embedded, port ${port}, data in ${shownPath(`${dataDir}/redis`)}${reused ? ' (still ran)' : ''}`,
    stop: async () => {
      stopping = true;
      hold.disconnect();
      await server.stop();
    },
  };
};
