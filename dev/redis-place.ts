// Where the embedded Redis of a data folder lives, and the proof that the server found there is ours.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { freePort } from './ports';
import { askRedis, openRedis, RedisTrouble } from './redis-client';
import { writePrivate } from './secrets';
import { StopError } from './telling';

export interface Place {
  port: number;
  password: string;
  /** The folder of its files, as the server itself names it. */
  dir: string;
}

const recordOf = (dataDir: string): string => join(dataDir, 'redis.json');

/** The place that an earlier run recorded, or a new one on a free port. */
export const findPlace = async (dataDir: string, port?: number): Promise<Place> => {
  mkdirSync(join(dataDir, 'redis'), { recursive: true, mode: 0o700 });
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  // The folder is never taken from the record: in a copied data folder that would be the other copy's.
  const dir = realpathSync(join(dataDir, 'redis'));
  const recorded = readRecord(recordOf(dataDir));
  const password = recorded?.password ?? randomBytes(24).toString('base64url');
  return { port: port ?? recorded?.port ?? (await freePort()), password, dir };
};

/** Keeps the place for later starts. */
export const recordPlace = (dataDir: string, { port, password }: Place): void =>
  writePrivate(recordOf(dataDir), `${JSON.stringify({ port, password })}\n`);

const readRecord = (file: string): { port: number; password: string } | undefined => {
  if (!existsSync(file)) return undefined;
  try {
    const { port, password } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof port === 'number' && typeof password === 'string') return { port, password };
  } catch {
    // Told below.
  }
  // A guess could start a second server on the same files.
  throw new StopError(`${file} cannot be understood. If no Redis of an earlier start is running, delete this file.`);
};

/**
 * Opens a connection that has passed the password. A server that wants none refuses the password: it is not ours.
 * @throws RedisTrouble
 */
export const connectTo = ({ port, password }: Place): Promise<Redis> =>
  openRedis(`redis://127.0.0.1:${port}`, (redis) => redis.call('AUTH', password));

export type Owner = 'ours' | 'loading' | 'nobody' | 'stranger' | 'silent';

const look = async ({ port, password, dir }: Place): Promise<Owner | 'closing'> => {
  try {
    return await askRedis(`redis://127.0.0.1:${port}`, async (redis) => {
      await redis.call('AUTH', password);
      const answer = await redis.call('CONFIG', 'GET', 'dir');
      if (!Array.isArray(answer) || answer[1] !== dir) return 'stranger';
      await redis.call('PING');
      return 'ours';
    });
  } catch (error) {
    if (!(error instanceof RedisTrouble)) throw error;
    const { kind, message } = error;
    if (kind === 'absent') return 'nobody';
    if (kind === 'closed') return 'closing';
    if (kind === 'alien') return 'stranger';
    if (kind !== 'refused') return 'silent';
    if (message.startsWith('LOADING')) return 'loading';
    return message.includes('max number of clients') ? 'silent' : 'stranger';
  }
};

/**
 * Whose server answers there? 'ours' (or, while it still reads its files, 'loading') takes our password *and* keeps its
 * files in our folder: nothing less may be reused or shut down. 'silent' may be ours but cannot prove it now.
 */
export const whose = async (place: Place): Promise<Owner> => {
  for (let left = 10; left > 0; left--) {
    const owner = await look(place);
    if (owner !== 'closing') return owner;
    // Ours, on its way down, hangs up too. Taken for a stranger, its files would soon have two servers.
    await pause(50);
  }
  return 'stranger';
};
