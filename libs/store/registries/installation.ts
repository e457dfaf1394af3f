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

export interface Installation {
  /** The pause that holds now; heard of by every process within moments of its beginning and end. */
  pauseNote(): Promise<PauseNote | undefined>;
  /** @returns the pause that holds now: an earlier one stays as it is where `keep` is set */
  pause(by: string, reason?: string, keep?: 'keep'): Promise<PauseNote>;
  /** @returns the pause that ended, if there was one */
  resume(): Promise<PauseNote | undefined>;
}

const ID = 'pause';

export const createInstallation = (deps: { redis: Redis; changes: Changes; clock: Clock }): Installation => {
  const { redis, changes } = deps;
  const parse = (text: string | null): PauseNote | undefined =>
    text === null ? undefined : (JSON.parse(text) as PauseNote);
  const cached = changes.cached('installation', async () => parse(await redis.get(KEYS.pause)));

  return {
    pauseNote: () => cached(ID),
    async pause(by, reason, keep) {
      const note = { by, at: new Date(deps.clock.now()).toISOString(), ...(reason !== undefined && { reason }) };
      const text = JSON.stringify(note);
      const set = keep ? await redis.set(KEYS.pause, text, 'NX') : await redis.set(KEYS.pause, text);
      await changes.announce('installation', ID);
      return set === null ? (parse(await redis.get(KEYS.pause)) ?? note) : note;
    },
    async resume() {
      const ended = parse(await redis.get(KEYS.pause));
      await redis.del(KEYS.pause);
      await changes.announce('installation', ID);
      return ended;
    },
  };
};
