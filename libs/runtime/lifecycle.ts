// How a process lives: parts start in order, stop in reverse order under one deadline; a shutdown is not a failure.
import type { Log } from './log';

/** A part of a process that has to be closed. */
export interface Part {
  name: string;
  /** Ends the part; `deadline` is when the process will be gone (ms since 1970). */
  stop(deadline: number): Promise<void> | void;
}

export interface Lifecycle {
  /** Takes a part that has started; it will be stopped before those taken earlier. */
  add(part: Part): void;
  /** Stops all parts, the newest first. Repeated calls get the same promise. Never rejects; failures are logged. */
  stop(reason: string): Promise<void>;
  readonly stopping: boolean;
}

/**
 * @param deps.grace ms that all parts together may take; what is not done by then is left behind
 */
export const createLifecycle = (deps: { log: Log; grace: number; now: () => number }): Lifecycle => {
  const parts: Part[] = [];
  let stopped: Promise<void> | undefined;

  const stopAll = async (reason: string): Promise<void> => {
    const deadline = deps.now() + deps.grace;
    deps.log.info({ reason, grace: deps.grace }, 'stopping');
    for (const part of parts.reverse()) {
      try {
        await within(Promise.resolve(part.stop(deadline)), deadline - deps.now());
      } catch (error) {
        deps.log.error({ error, part: part.name }, 'a part did not stop cleanly');
      }
    }
    deps.log.info('stopped');
  };

  return {
    add: (part) => void parts.push(part),
    stop: (reason) => (stopped ??= stopAll(reason)),
    get stopping() {
      return stopped !== undefined;
    },
  };
};

/** Waits for a promise, at most `ms` milliseconds; then rejects. The timer does not keep the process alive. */
export const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${Math.max(0, ms)} ms`)), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Ties a lifecycle to the process: SIGTERM and SIGINT stop it and exit 0, an unexpected fault stops it and exits 1
 * (emails in work are safe: their locks expire and another worker takes them), a second signal exits at once.
 */
export const untilSignal = (lifecycle: Lifecycle, log: Log): void => {
  const end = (code: number, reason: string): void => {
    if (lifecycle.stopping) process.exit(code === 0 ? 130 : code);
    void lifecycle.stop(reason).then(() => process.exit(code));
  };
  process.on('SIGTERM', () => end(0, 'SIGTERM'));
  process.on('SIGINT', () => end(0, 'SIGINT'));
  const fault = (error: unknown): void => {
    log.fatal({ error }, 'unexpected fault: the process ends');
    end(1, 'fault');
  };
  process.on('uncaughtException', fault);
  process.on('unhandledRejection', fault);
};
