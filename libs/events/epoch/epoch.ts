// The epoch: how far the installation has come, in Redis and in the content store, so that a backup of one of them shows
// (docs/decisions/0027-restore-and-durability.md).
import { randomUUID } from 'node:crypto';
import type { Redis } from '../../store/redis/redis';
import type { Doubt } from '../../store/registries/installation';
import { readRedisEpoch, replaceRedisEpoch } from '../../store/durability/redis-epoch';

/** How often it advances, ms. */
export const EPOCH_MS = 30_000;
/** Somebody has advanced it within this, ms: the installation is alive. */
const ALIVE_MS = 3 * EPOCH_MS;

export interface Epoch {
  /** Of the installation: Redis and content store that belong together have the same. */
  id: string;
  /** Grows by one each time. */
  count: number;
  /** When it was written, by Redis' clock; ISO 8601. */
  at: string;
}

/** The epochs that were found, and what is to be thought of them. */
export interface Found {
  redis: Epoch | undefined;
  content: Epoch | undefined;
  /** As it stands in Redis. */
  text: string | undefined;
  /** What Redis holds may be a backup: why, and a sentence for people. */
  doubt?: { kind: Doubt; text: string };
}

/** The content store, as far as it keeps a short text beside the contents. */
export interface EpochStore {
  /** @throws ContentStoreAway */
  readEpoch(): Promise<string | undefined>;
  /** @throws ContentStoreAway, ContentStoreFull */
  writeEpoch(text: string): Promise<void>;
}

export interface EpochDeps {
  redis: Redis;
  content: EpochStore;
}

const toEpoch = (text: string | undefined): Epoch | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as Epoch);

const HOW = 'nothing is sent until the operator calls rohrpost restore (docs/backup.md)';

/** Has somebody advanced it lately? @param now ms since 1970 */
const isAlive = ({ at }: Epoch, now: number): boolean => now - Date.parse(at) < ALIVE_MS;

/** @param now ms since 1970 */
const doubtOf = (
  redis: Epoch | undefined,
  content: Epoch | undefined,
  isEmpty: boolean,
  now: number,
): Found['doubt'] => {
  if (content === undefined) {
    // Redis is written first; and where others advance it, this is no backup but a process with another folder.
    if (redis === undefined || redis.count <= 1 || isAlive(redis, now)) return undefined;
    const text = `Redis is as it was at ${redis.at}, and this content store does not know it: a backup was restored elsewhere, or it is the wrong folder or bucket, or its disk is not mounted: ${HOW}`;
    return { kind: 'moved', text };
  }
  if (redis === undefined) {
    if (isEmpty)
      return {
        kind: 'empty',
        text: `Redis is empty, and the content store belongs to an installation that was there until ${content.at}: was Redis to be restored, or is REDIS_URL wrong? ${HOW}`,
      };
    return { kind: 'behind', text: `Redis is a backup from before this version was installed: ${HOW}` };
  }
  if (redis.id !== content.id)
    return {
      kind: 'foreign',
      text: `Redis and the content store belong to different installations: is REDIS_URL wrong, or the folder or bucket? ${HOW}`,
    };
  if (content.count <= redis.count) return undefined;
  return {
    kind: 'behind',
    text: `Redis is as it was at ${redis.at}, and the content store has seen it at ${content.at}: a backup was restored, or Redis lost its last writes: ${HOW}`,
  };
};

/** The epoch that the content store has. @throws ContentStoreAway; SyntaxError where it is none */
export const readContentEpoch = async ({ content }: Pick<EpochDeps, 'content'>): Promise<Epoch | undefined> =>
  toEpoch(await content.readEpoch());

/** By Redis alone: it has an epoch, and nobody has advanced it for a while. @param now ms since 1970 */
export const hasStoodStill = async ({ redis }: Pick<EpochDeps, 'redis'>, now: number): Promise<boolean> => {
  const own = toEpoch((await readRedisEpoch(redis)).text);
  return own !== undefined && !isAlive(own, now);
};

/** @throws ContentStoreAway; whatever Redis answers */
export const lookAtEpochs = async (deps: EpochDeps, now: number): Promise<Found> => {
  const { redis } = deps;
  // The store first: it follows Redis, and must not seem to be ahead because time passed between.
  const stored = await readContentEpoch(deps);
  const { text, isEmpty } = await readRedisEpoch(redis);
  const own = toEpoch(text);
  const doubt = doubtOf(own, stored, isEmpty, now);
  return { redis: own, content: stored, text, ...(doubt && { doubt }) };
};

/**
 * Writes the next epoch into Redis, above both.
 * @returns it, or undefined where Redis has another one than was found
 */
export const advanceRedis = async ({ redis }: EpochDeps, found: Found, now: number): Promise<string | undefined> => {
  const next: Epoch = {
    id: (found.redis ?? found.content)?.id ?? randomUUID(),
    count: Math.max(found.redis?.count ?? 0, found.content?.count ?? 0) + 1,
    at: new Date(now).toISOString(),
  };
  const text = JSON.stringify(next);
  return (await replaceRedisEpoch(redis, found.text, text)) ? text : undefined;
};
