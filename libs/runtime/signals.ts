// What ends a process: SIGTERM and SIGINT, from its first moment on, and faults that nobody expected.
import type { Lifecycle } from './lifecycle';
import type { Log } from './log';

export interface Signals {
  /** From now on a signal stops this lifecycle before the process ends; before, there is nothing to stop. */
  attach(lifecycle: Lifecycle, log: Log): void;
  /**
   * The start failed: says why and ends the process, unless it is stopping, which makes a start fail, too.
   * @param code of the exit
   */
  failed(message: string, code: number): void;
}

const textOf = (fault: unknown): string => String(fault instanceof Error ? fault.stack : fault);

/**
 * SIGTERM and SIGINT stop the lifecycle and exit 0; a second one exits 130 at once. An unexpected fault stops it and exits
 * 1 (emails in work are safe: their locks expire and another worker takes them); one that comes while it stops is logged,
 * and the process goes on stopping.
 *
 * To be called before anything else is loaded: a process that has no handler is killed by its first signal.
 */
export const handleSignals = (): Signals => {
  let attached: { lifecycle: Lifecycle; log: Log } | undefined;
  let code = 0;

  const end = (reason: string): void => {
    if (attached === undefined) process.exit(code);
    void attached.lifecycle.stop(reason).then(() => process.exit(code));
  };
  const signaled = (name: string): void => {
    if (attached?.lifecycle.stopping) process.exit(130);
    end(name);
  };
  const fault = (error: unknown): void => {
    code = 1;
    if (attached === undefined) process.stderr.write(`${textOf(error)}\n`);
    else if (attached.lifecycle.stopping) return attached.log.error({ error }, 'unexpected fault while stopping');
    else attached.log.fatal({ error }, 'unexpected fault: the process ends');
    end('fault');
  };
  process.on('SIGTERM', () => signaled('SIGTERM'));
  process.on('SIGINT', () => signaled('SIGINT'));
  process.on('uncaughtException', fault);
  process.on('unhandledRejection', fault);

  return {
    attach(lifecycle, log) {
      attached = { lifecycle, log };
    },
    failed(message, exitCode) {
      if (attached?.lifecycle.stopping) return;
      process.stderr.write(`${message}\n`);
      code = exitCode;
      end('the start failed');
    },
  };
};
