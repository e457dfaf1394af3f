// Pauses the installation where what Redis holds may be a backup: at each start, and whenever the epoch is to advance.
import { setTimeout as pause } from 'node:timers/promises';
import type { Audit } from '../audit';
import type { Clock } from '../../runtime/clock';
import { messageOf } from '../../runtime/fault';
import type { Log } from '../../runtime/log';
import { readRedisEpoch } from '../../store/durability/redis-epoch';
import type { Installation } from '../../store/registries/installation';
import { advanceRedis, lookAtEpochs, hasStoodStill, readContentEpoch, type EpochDeps, type Found } from './epoch';

export interface WatchEpochDeps extends EpochDeps {
  clock: Clock;
  installation: Installation;
  audit: Audit;
  log: Log;
}

const BY = 'the service';

/** Redis writes its changes to its disk within about two seconds (`appendfsync everysec`): the store follows when it has. ms */
const FOLLOWS_MS = 5_000;

/** @throws ContentStoreAway; whatever Redis answers */
const pauseInDoubt = async (deps: WatchEpochDeps): Promise<Found> => {
  const { installation, audit, clock, log } = deps;
  const found = await lookAtEpochs(deps, clock.now());
  if (found.doubt === undefined) return found;
  const { kind, text } = found.doubt;
  const before = await installation.readPause();
  await installation.pauseInDoubt(BY, text, kind);
  if (before?.doubt === undefined) await audit.record({ by: BY, what: 'installation paused', reason: text });
  log.error({ problem: text }, 'the installation is paused: what Redis holds may be a backup');
  return found;
};

/**
 * At a start, before anything is sent. A content store that is away says nothing: it is asked again by `advanceEpoch`, where others have
 * advanced the epoch of this Redis just now, or nobody ever has.
 * @throws ContentStoreAway where Redis may be a backup for all that is known; whatever Redis answers where it cannot be asked, or cannot
 * keep the pause, now
 */
export const checkEpoch = async (deps: WatchEpochDeps): Promise<void> => {
  try {
    await readContentEpoch(deps);
  } catch (error) {
    if (await hasStoodStill(deps, deps.clock.now())) throw error;
    deps.log.error({ error: messageOf(error) }, 'it cannot be told now whether what Redis holds is a backup');
    return;
  }
  await pauseInDoubt(deps);
};

/**
 * One step: Redis first, the content store some seconds later. Nothing advances while there is a doubt.
 * @param signal ends it early: the store follows the next time
 */
export const advanceEpoch = async (deps: WatchEpochDeps, signal: AbortSignal): Promise<void> => {
  const found = await pauseInDoubt(deps);
  if (found.doubt !== undefined) return;
  const { redis, content } = found;
  if (redis !== undefined && content !== undefined && redis.count > content.count + 2)
    deps.log.error(
      { redis: redis.at, content: content.at },
      'the content store is behind Redis: a backup of it was restored, or it took no writes; newer contents may be missing',
    );
  // Where the store was never told of any, it is told of the one that is there: whoever ends between the two leaves none behind.
  const next =
    content === undefined && found.text !== undefined ? found.text : await advanceRedis(deps, found, deps.clock.now());
  if (next === undefined) return;
  await pause(FOLLOWS_MS, undefined, { signal, ref: false }).catch(() => undefined);
  if (signal.aborted) return;
  // A Redis that lost it meanwhile, by a crash or to a replica that did not have it, must not seem to be a backup.
  if ((await readRedisEpoch(deps.redis)).text === next) await deps.content.writeEpoch(next);
};
