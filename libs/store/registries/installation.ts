// Whether the whole installation is paused: it accepts and keeps emails then, and sends none.
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';

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

export interface Installation {
  /** The pause that holds now; heard of by every process within moments of its beginning and end. */
  pauseNote(): Promise<InstallationPause | undefined>;
  /** @returns the pause that holds now: an earlier one stays as it is where `keep` is set */
  pause(by: string, reason?: string, keep?: 'keep'): Promise<InstallationPause>;
  /** Pauses because of what Redis holds; stands in place of a person's pause, and leaves an earlier doubt as it is. */
  pauseInDoubt(by: string, reason: string, doubt: Doubt): Promise<InstallationPause>;
  /** The pause that holds now, as Redis has it. */
  readPause(): Promise<InstallationPause | undefined>;
  /** @returns the pause that ended, if there was one */
  resume(): Promise<InstallationPause | undefined>;
}

const ID = 'pause';

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
      const before = await readPause();
      if (before?.doubt !== undefined) return before;
      const note = { by, at: new Date(deps.clock.now()).toISOString(), reason, doubt };
      await redis.set(KEYS.pause, JSON.stringify(note));
      await changes.announce('installation', ID);
      return note;
    },
    readPause,
    async resume() {
      const ended = await readPause();
      await redis.del(KEYS.pause);
      await changes.announce('installation', ID);
      return ended;
    },
  };
};
