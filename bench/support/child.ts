// A process of a benchmark: started, ready when it says so, measured from outside, ended.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface Child {
  process: ChildProcess;
  /** What it said when it was ready. */
  hello: { port?: number };
  /** Seconds of CPU that it has used so far, in user and system mode. */
  cpu(): number;
  /** SIGTERM, and waits for the end. */
  end(): Promise<void>;
}

export interface ChildOptions {
  file: string;
  env?: NodeJS.ProcessEnv;
  args?: string[];
  execArgv?: string[];
  /** Takes its output. */
  logFile: string;
}

/** Clock ticks a second, as /proc counts them on every Linux. */
const TICKS = 100;

const cpuOf = (pid: number): number => {
  // The name in parentheses may hold spaces: fields are counted after it (proc(5): utime is the 14th, stime the 15th).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
};

/** @throws where it ends before it is ready, with the name of its log */
export const startChild = async ({ file, env, args = [], execArgv = [], logFile }: ChildOptions): Promise<Child> => {
  const log = openSync(logFile, 'a');
  const child = fork(file, args, { execArgv, ...(env && { env }), stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${file} ended before it was ready: ${readFileSync(logFile, 'utf8').slice(-2_000)}`);
  });
  ended.catch(() => undefined);
  const [hello] = (await Promise.race([once(child, 'message'), ended])) as [{ port?: number }];
  return {
    process: child,
    hello,
    cpu: () => cpuOf(child.pid ?? 0),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
};
