// Whether the whole installation is paused: it accepts and keeps emails then, and sends none.
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';

/** Who paused something, when, and why. */
export interface PauseNote {
  by: string;
  /** ISO 8601 */
  at: string;
  reason?: string;
}

/** Why a data set may be a backup (libs/events/epoch/epoch.ts). */
export type Doubt = 'behind' | 'empty' | 'moved' | 'foreign';

/** A pause of the whole installation. */
export interface InstallationPause extends PauseNote {
  /** It is no person's: what Redis holds may be a backup, and a restore ends it. */
  doubt?: Doubt;
}

/** Who pauses while a backup may have been put back, beside the service itself: the restore, and whoever starts a process so. */
export const [BY_RESTORE, BY_START] = ['restore', 'ROHRPOST_START_PAUSED'] as const;

/** Does the pause stand because what Redis holds may be a backup? One that somebody asked for says nothing of that. */
export const mayBeBackup = (pause: InstallationPause | undefined): boolean =>
  pause !== undefined && (pause.doubt !== undefined || pause.by === BY_RESTORE || pause.by === BY_START);

export interface Installation {
  /** The pause that holds now; heard of by every process within moments of its beginning and end. */
  pauseNote(): Promise<InstallationPause | undefined>;
  /** @returns the pause that holds now: an earlier one stays as it is where `keep` is set */
  pause(by: string, reason?: string, keep?: 'keep'): Promise<InstallationPause>;
  /** Pauses because of what Redis holds; stands in place of a person's pause, and leaves an earlier doubt as it is. */
  pauseInDoubt(by: string, reason: string, doubt: Doubt): Promise<InstallationPause>;
  /** The pause that holds now, as Redis has it. */
  readPause(): Promise<InstallationPause | undefined>;
  /**
   * @param restored ends a doubt, too
   * @returns the pause that stays, where it is a doubt
   */
  resume(restored?: 'restored'): Promise<InstallationPause | undefined>;
}

const ID = 'pause';

// KEYS: the pause. Result: it, where it is a doubt, or nil. Atomic, so that nobody's pause or resumption takes a doubt away.
const DOUBTED = `
local function doubted()
  local text = redis.call('GET', KEYS[1])
  return text and cjson.decode(text).doubt and text
end
`;
// ARGV: the doubt.
const putDoubt = defineScript(`${DOUBTED}
local stays = doubted()
if stays then return stays end
redis.call('SET', KEYS[1], ARGV[1])
return nil`);
// ARGV: `restored`, where a doubt ends, too.
const endPause = defineScript(`${DOUBTED}
local stays = doubted()
if stays and ARGV[1] == '' then return stays end
redis.call('DEL', KEYS[1])
return nil`);

export const createInstallation = (deps: { redis: Redis; changes: Changes; clock: Clock }): Installation => {
  const { redis, changes } = deps;
  const parse = (text: string | null): InstallationPause | undefined =>
    text === null ? undefined : (JSON.parse(text) as InstallationPause);
  const readPause = async (): Promise<InstallationPause | undefined> => parse(await redis.get(KEYS.pause));
  const cached = changes.cached('installation', readPause);

  return {
    pauseNote: () => cached(ID),
    async pause(by, reason, keep) {
      const note = { by, at: new Date(deps.clock.now()).toISOString(), ...(reason !== undefined && { reason }) };
      const text = JSON.stringify(note);
      const set = keep ? await redis.set(KEYS.pause, text, 'NX') : await redis.set(KEYS.pause, text);
      await changes.announce('installation', ID);
      return set === null ? ((await readPause()) ?? note) : note;
    },
    async pauseInDoubt(by, reason, doubt) {
      const note = { by, at: new Date(deps.clock.now()).toISOString(), reason, doubt };
      const stays = parse((await putDoubt(redis, [KEYS.pause], [JSON.stringify(note)])) as string | null);
      await changes.announce('installation', ID);
      return stays ?? note;
    },
    readPause,
    async resume(restored) {
      const stays = parse((await endPause(redis, [KEYS.pause], [restored ?? ''])) as string | null);
      await changes.announce('installation', ID);
      return stays;
    },
  };
};
