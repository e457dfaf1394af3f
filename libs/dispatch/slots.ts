// Shares a replica's places among the queues that have work, in turn: a queue with a million waiting holds its share.

/** A queue that this replica is looking into. */
export interface Turn {
  name: string;
  /** Emails in work, and places reserved for fetching one. */
  busy: number;
  /** At most so many at once. */
  limit: number;
  /** May there be more to take? */
  hungry: boolean;
  /** How many fetches may run at once: one until the queue has shown that it has emails, then doubling. */
  stride: number;
  fetching: number;
}

export interface Slots<T extends Turn> {
  /** Gives free places away, one a queue and round. `fetch` is called for each; it frees the place by `free`. */
  pump(fetch: (turn: T) => void): void;
  add(turn: T): void;
  remove(turn: T): void;
  free(): void;
  readonly taken: number;
}

/**
 * @param most places of this replica
 */
export const createSlots = <T extends Turn>(most: number): Slots<T> => {
  let ring: T[] = [];
  let taken = 0;
  const mayFetch = (turn: T): boolean => turn.hungry && turn.busy < turn.limit && turn.fetching < turn.stride;

  return {
    pump(fetch) {
      // One full round without a taker ends it; a queue that got a place goes to the end.
      for (let idle = 0; taken < most && idle < ring.length;) {
        const turn = ring.shift();
        if (turn === undefined) return;
        ring.push(turn);
        if (!mayFetch(turn)) {
          idle++;
          continue;
        }
        idle = 0;
        taken++;
        turn.busy++;
        turn.fetching++;
        fetch(turn);
      }
    },
    add: (turn) => void ring.push(turn),
    remove(turn) {
      ring = ring.filter((other) => other !== turn);
    },
    free: () => void taken--,
    get taken() {
      return taken;
    },
  };
};
