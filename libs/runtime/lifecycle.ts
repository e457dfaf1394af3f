// How a process lives: parts start in order, stop in reverse order under one deadline; a shutdown is not a failure.
import { uptime } from './clock';
import type { Log } from './log';

/** A part of a process that has to be closed. */
export interface Part {
  name: string;
  /** Ends the part; after `left` ms the process will be gone, whatever this part is doing then. */
  stop(left: number): Promise<void> | void;
}

export interface Lifecycle {
  /**
   * Takes a part that has started; it will be stopped before those taken earlier. While the process stops already, which
   * may be before it has quite started, the part is stopped at once.
   */
  add(part: Part): void;
  /** Stops all parts, the newest first. Repeated calls get the same promise. Never rejects; failures are logged. */
  stop(reason: string): Promise<void>;
  readonly stopping: boolean;
}

/**
 * @param deps.grace ms that all parts together may take; what is not done by then is left behind
 */
export const createLifecycle = (deps: { log: Log; grace: number }): Lifecycle => {
  const parts: Part[] = [];
  let deadline = Infinity;
  let stopped: Promise<void> | undefined;

  const stopOne = async (part: Part): Promise<void> => {
    const left = Math.max(0, deadline - uptime());
    try {
      await within(Promise.resolve(part.stop(left)), left);
    } catch (error) {
      deps.log.error({ error, part: part.name }, 'a part did not stop cleanly');
    }
  };

  const stopAll = async (reason: string): Promise<void> => {
    deadline = uptime() + deps.grace;
    deps.log.info({ reason, grace: deps.grace }, 'stopping');
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) await stopOne(part);
    deps.log.info('stopped');
  };

  return {
    add(part) {
      if (stopped === undefined) parts.push(part);
      else void stopOne(part);
    },
    stop: (reason) => (stopped ??= stopAll(reason)),
    get stopping() {
      return stopped !== undefined;
    },
  };
};

/** Waits for a promise, at most `ms` milliseconds; then rejects. */
const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${Math.round(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};
