// Where the embedded Redis of a data folder lives, and the proof that the server found there is ours.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports';
import { openResp, ReplyError, type Resp } from './resp';
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

/** Opens a connection that has passed the password. */
export const connectTo = async ({ port, password }: Place, timeout = 2_000): Promise<Resp> => {
  const redis = await openResp({ host: '127.0.0.1', port }, { timeout });
  try {
    await redis.call('AUTH', password);
    return redis;
  } catch (error) {
    redis.close();
    throw error;
  }
};

export type Owner = 'ours' | 'loading' | 'nobody' | 'stranger' | 'silent';

const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'ECLOSED']);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const look = async (place: Place): Promise<Owner | 'closing'> => {
  let redis: Resp | undefined;
  try {
    redis = await connectTo(place);
    const answer = await redis.call('CONFIG', 'GET', 'dir');
    if (!Array.isArray(answer) || answer[1] !== place.dir) return 'stranger';
    await redis.call('PING');
    return 'ours';
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') return 'nobody';
    if (CLOSED.has(code)) return 'closing';
    if (!(error instanceof ReplyError)) return 'silent';
    if (message.startsWith('LOADING')) return 'loading';
    return message.includes('max number of clients') ? 'silent' : 'stranger';
  } finally {
    redis?.close();
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
