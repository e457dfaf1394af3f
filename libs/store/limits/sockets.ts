// Which connections this replica has open to a transport: never more than it has rights, where the transport needs any.

export interface Sockets {
  /** @param id of the transport @returns to be called when it is closed; undefined where one must be closed first */
  open(id: string): (() => void) | undefined;
  /** Are the connections of the transport counted at present? Others may wait for one that lies idle. */
  counted(id: string): boolean;
}

export interface CountedSockets extends Sockets {
  /** Open, or closed so lately that the server may not know. */
  counts(id: string): number;
  /** Open. */
  opened(id: string): number;
}

/** A server may hear of a closed connection a little later than we do, and counts it until then. */
const HEARD_MS = 50;

const createCounter = () => {
  const counts = new Map<string, number>();
  return {
    of: (id: string): number => counts.get(id) ?? 0,
    add(id: string, change: 1 | -1): void {
      const now = (counts.get(id) ?? 0) + change;
      if (now > 0) counts.set(id, now);
      else counts.delete(id);
    },
  };
};

/**
 * @param rightsOf how many rights this replica has for a transport now; none where it needs none
 */
export const createSockets = (rightsOf: (id: string) => number): CountedSockets => {
  const open = createCounter();
  const unheard = createCounter();
  const counts = (id: string): number => open.of(id) + unheard.of(id);

  return {
    counts,
    opened: open.of,
    counted: (id) => rightsOf(id) > 0,
    open(id) {
      const rights = rightsOf(id);
      if (rights > 0 && counts(id) >= rights) return undefined;
      open.add(id, 1);
      return () => {
        open.add(id, -1);
        if (rightsOf(id) === 0) return;
        unheard.add(id, 1);
        setTimeout(() => unheard.add(id, -1), HEARD_MS);
      };
    },
  };
};
