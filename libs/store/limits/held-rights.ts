// The rights to connections that this replica holds: in use by an attempt, or spare for the next one.
import type { RightsKeys } from './connection-scripts';

/** Rights of one transport on this replica, by token. */
export interface Held<R> {
  keys: RightsKeys;
  /** What the transport allowed when a right was asked for last; -1 for any number. */
  most: number;
  inUse: Set<string>;
  /** With the timer that lets go of it. */
  spare: Map<string, NodeJS.Timeout>;
  /** Who waits to be given the next one. */
  waiting: Set<(right: R) => void>;
}

export interface HeldRights<R> {
  all(): Iterable<[id: string, held: Held<R>]>;
  get(id: string): Held<R> | undefined;
  /** Makes a place for a transport's rights where there is none. */
  of(id: string, keys: RightsKeys): Held<R>;
  count(id: string): number;
  forget(id: string, token: string): void;
  /** Removes the place of a transport of which nothing is held and for which nobody waits. */
  tidy(id: string): void;
}

export const createHeldRights = <R>(): HeldRights<R> => {
  const held = new Map<string, Held<R>>();

  const tidy = (id: string): void => {
    const mine = held.get(id);
    if (mine !== undefined && mine.inUse.size + mine.spare.size + mine.waiting.size === 0) held.delete(id);
  };

  return {
    all: () => [...held],
    get: (id) => held.get(id),
    of(id, keys) {
      const mine = held.get(id) ?? { keys, most: -1, inUse: new Set(), spare: new Map(), waiting: new Set() };
      held.set(id, mine);
      return mine;
    },
    count(id) {
      const mine = held.get(id);
      return mine === undefined ? 0 : mine.inUse.size + mine.spare.size;
    },
    forget(id, token) {
      const mine = held.get(id);
      clearTimeout(mine?.spare.get(token));
      mine?.spare.delete(token);
      mine?.inUse.delete(token);
      tidy(id);
    },
    tidy,
  };
};
