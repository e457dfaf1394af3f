// Whose turn it is at the render threads: tenants alternate, none has all threads, and those that hold them up share one.

/** Somebody's work. */
export interface Waiting {
  tenant: string;
}

export interface Turns<T extends Waiting> {
  add(task: T): void;
  /**
   * @param running what is being done
   * @returns the task of the tenant that waits longest and may run, or nothing
   */
  next(running: T[]): T | undefined;
  /**
   * @returns another task of this tenant, where nobody else waits: it may be put behind one of its own
   */
  follower(tenant: string): T | undefined;
  /** How many tenants could be served beside those that are. */
  ready(running: T[]): number;
  /** A task of this tenant used up what it may. */
  offend(tenant: string): void;
  /** Everything that waits; nobody does afterwards. */
  drain(): T[];
}

/** A tenant whose tasks offended so often within this time (ms) shares one thread with its like. */
const [MOST_OFFENCES, PROBATION] = [2, 60_000];

export const createTurns = <T extends Waiting>(options: { threads: number; now: () => number }): Turns<T> => {
  /** Who is first has had no turn for the longest time. */
  const waiting = new Map<string, T[]>();
  const offences = new Map<string, number[]>();

  const isOnProbation = (tenant: string): boolean => {
    const recent = (offences.get(tenant) ?? []).filter((at) => at > options.now() - PROBATION);
    if (recent.length === 0) offences.delete(tenant);
    return recent.length >= MOST_OFFENCES;
  };

  const mayRun = (tenant: string, running: T[]): boolean => {
    if (isOnProbation(tenant) && running.some((task) => isOnProbation(task.tenant))) return false;
    return running.filter((task) => task.tenant === tenant).length < Math.max(1, options.threads - 1);
  };

  /** Takes the tenant's first task; the tenant goes to the end. */
  const takeFrom = (tenant: string): T | undefined => {
    const tasks = waiting.get(tenant) ?? [];
    waiting.delete(tenant);
    const task = tasks.shift();
    if (tasks.length > 0) waiting.set(tenant, tasks);
    return task;
  };

  return {
    add(task) {
      const own = waiting.get(task.tenant);
      if (own === undefined) waiting.set(task.tenant, [task]);
      else own.push(task);
    },
    next(running) {
      const found = [...waiting.keys()].find((tenant) => mayRun(tenant, running));
      return found === undefined ? undefined : takeFrom(found);
    },
    follower: (tenant) => (waiting.size === 1 && waiting.has(tenant) ? takeFrom(tenant) : undefined),
    ready: (running) => [...waiting.keys()].filter((tenant) => mayRun(tenant, running)).length,
    offend: (tenant) =>
      void offences.set(tenant, [...(offences.get(tenant) ?? []), options.now()].slice(-MOST_OFFENCES)),
    drain() {
      const all = [...waiting.values()].flat();
      waiting.clear();
      return all;
    },
  };
};
