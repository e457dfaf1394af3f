// Every state change of every email that a test brings about is one that docs/lifecycle.md draws, or the test fails.
import { TRANSITIONS, type Transition } from '../../../libs/mail/email/state';
import { createJournal, journalFolders } from '../redis/redis-journal';
import { createSeenChanges, type SeenChange } from './seen-changes';

export interface LifeWatch {
  /** The changes until now, `from -> to`, each once. */
  seen(): Promise<Set<string>>;
  /** Looks at what happened since the last look. @throws Error that tells each change that does not exist, once */
  check(): Promise<void>;
  /** The last look. */
  end(): Promise<void>;
}

const told = ({ id, queue, from, to, at, by }: SeenChange): string =>
  `${id} in ${queue} went from ${from} to ${to} (${new Date(at).toISOString()}, by ${by})`;

const running = new Set<LifeWatch>();

/**
 * Watches the Redis of a folder from outside, through its append-only file: no process can change an email past it.
 * @param dataDir the folder of a Redis that was started with the lines of `JOURNALED`
 * @param table the changes that exist
 */
export const watchLives = (dataDir: string, table: readonly Transition[] = TRANSITIONS): LifeWatch => {
  const edges = new Set(table.map(([from, , to]) => `${from} -> ${to}`));
  const allowed = (from: string, to: string): boolean => edges.has(`${from} -> ${to}`);
  const seen = new Set<string>();
  let wrong: SeenChange[] = [];
  const watcherOf = () =>
    createSeenChanges({
      allowed,
      see(change) {
        seen.add(`${change.from} -> ${change.to}`);
        if (!allowed(change.from, change.to)) wrong.push(change);
      },
    });
  // Each for itself: a queue is on one node, and a replica repeats what its primary did.
  const journals = journalFolders(dataDir).map((folder) => ({ journal: createJournal(folder), take: watcherOf() }));
  let looking: Promise<void> = Promise.resolve();
  const look = (): Promise<void> => {
    looking = looking.then(async () => {
      for (const { journal, take } of journals) for await (const transaction of journal.next()) take(transaction);
    });
    return looking;
  };
  const watch: LifeWatch = {
    async seen() {
      await look();
      return seen;
    },
    async check() {
      await look();
      const found = wrong;
      wrong = [];
      if (found.length === 0) return;
      const shown = found.slice(0, 10).map(told).join('\n');
      throw new Error(
        `changes that the table of states does not have (libs/mail/email/state.ts): ${found.length}\n${shown}`,
      );
    },
    async end() {
      running.delete(watch);
      await watch.check();
    },
  };
  running.add(watch);
  return watch;
};

// In this test file, after each test: the test that brought a change about is the one that fails.
afterEach(async () => {
  for (const watch of running) await watch.check();
});
