// A server that refuses a connection gets fewer: what is open is counted from then on, over all replicas, and bounded for a while.
import { adoptRights, lower, type Lowered, type RightsKeys } from './connection-scripts';
import type { HeldRights } from './held-rights';
import type { Redis } from '../redis/redis';
import type { CountedSockets } from './sockets';

/** Lowered connections rise by one after each of these without a refusal. */
export const RISE_MS = 30_000;
/** After this without a refusal nothing is remembered of it. */
const LOWERED_MS = 600_000;

/** A connection that the server refused; it is closed. */
export interface RefusedConnection {
  id: string;
  keys: RightsKeys;
  /** The right that it was opened with, '' where it needed none. */
  token: string;
  /** What the transport allows, -1 for any number. */
  most: number;
  words: string;
}

/**
 * @param deps.spare keeps a right that nobody uses, for as long as a connection is open under it
 */
export const createLowering = <R>(deps: {
  redis: Redis;
  held: HeldRights<R>;
  sockets: CountedSockets;
  leaseMs: number;
  newToken: () => string;
  spare: (id: string, keys: RightsKeys, token: string) => void;
}) => {
  const { redis, held, sockets } = deps;

  /** What was opened while nobody counted is counted from now on, until it is closed. */
  const adopt = async (id: string, keys: RightsKeys): Promise<void> => {
    const missing = Math.max(0, sockets.opened(id) - held.count(id));
    const tokens = Array.from({ length: missing }, deps.newToken);
    for (const token of tokens) deps.spare(id, keys, token);
    if (tokens.length > 0) await adoptRights(redis, [keys.rights], [deps.leaseMs, ...tokens]);
  };

  /** One that was adopted stands for a refused connection that had no right of its own. */
  const standIn = (id: string): string => {
    const [spare = ''] = held.get(id)?.spare.keys() ?? [];
    return held.count(id) > sockets.opened(id) ? spare : '';
  };

  return {
    adopt,
    async refused({ id, keys, token, most, words }: RefusedConnection): Promise<Lowered> {
      const right = token === '' ? standIn(id) : token;
      if (right !== '') held.forget(id, right);
      await adopt(id, keys);
      const args = [right, RISE_MS, most, sockets.opened(id), LOWERED_MS, words];
      const answer = await lower(redis, [keys.rights, keys.lowered], args);
      const [others, now, changed] = answer as [number, number, number];
      return { others, most: now, changed: changed === 1 };
    },
  };
};
