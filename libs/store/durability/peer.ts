// Which server process a connection leads to, and since when without a break.
import type { Redis } from '../redis/redis';

/** A question that Redis did not answer is asked again after this, ms. */
const AGAIN_MS = 1_000;

/** What a connection was opened to: a new one each time that it comes back. */
interface Peer {
  /** Of the server process; Redis makes a new one at each of its starts. */
  runId: string;
}

/** @returns the server that the connection leads to now, undefined until that is known */
export const watchPeer = (redis: Redis): (() => Peer | undefined) => {
  let peer: Peer | undefined;
  let connection = 0;
  const ask = async (): Promise<void> => {
    const asked = ++connection;
    const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
    if (asked === connection && runId !== undefined) peer = { runId };
  };
  const begin = (): void => {
    const failed = connection + 1;
    ask().catch(() => setTimeout(() => failed === connection && begin(), AGAIN_MS).unref());
  };
  redis.on('ready', begin);
  redis.on('close', () => {
    connection++;
    peer = undefined;
  });
  if (redis.status === 'ready') begin();
  return () => peer;
};
