// A process of the service that the launcher keeps running: started, watched, started again, stopped.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { endOf, openLog, tailOf } from './log-file';
import { shownPath, StopError, type Say } from './telling';

export interface Child {
  name: string;
  /** Resolves at the first `{ready: true}`; rejects if the process dies, or says nothing, before that. */
  ready: Promise<void>;
  /** SIGTERM; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL, for one that does not stop. */
  kill(): void;
}

export interface ChildOptions {
  name: string;
  /** What Node runs. */
  file: string;
  /** Loaded before it: ends the process when this one is gone. */
  preload: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  say: Say;
  /** Pauses before another start: the first, and the longest after doubling. */
  pauses?: { first: number; longest: number };
  /** How long it may take to get ready, in milliseconds. */
  patience?: number;
}

/** Whoever ran this long was well: the next pause begins anew. */
const HEALTHY = 60_000;

/** In a process group of its own, so that Ctrl-C reaches only the launcher; its output goes to its log alone. */
const spawnOnce = ({ file, preload, env, logFile }: ChildOptions): { child: ChildProcess; from: number } => {
  const log = openLog(logFile);
  const from = endOf(log);
  const args = ['--enable-source-maps', '--require', preload, file];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', log, log, 'ipc'], detached: true });
  closeSync(log);
  return { child, from };
};

const isReady = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && (message as { ready?: unknown }).ready === true;

const howItEnded = (code: number | null, signal: string | null): string =>
  signal === null ? `ended with code ${code}` : `was ended by ${signal}`;

/** Starts a process and keeps it running until it is stopped. */
export const keepRunning = (options: ChildOptions): Child => {
  const { name, logFile, say, pauses = { first: 1_000, longest: 30_000 }, patience = 60_000 } = options;
  let child: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let pause = pauses.first;
  let stopping = false;
  let wasReady = false;
  let logStart = 0;

  const run = (onReady: () => void, onFailure: (why: string) => void): void => {
    const started = performance.now();
    const { child: current, from } = spawnOnce(options);
    child = current;
    logStart = from;
    const late = setTimeout(() => onFailure(`was not ready after ${patience / 1000} s`), patience);
    current.on('message', (message) => {
      if (!isReady(message)) return;
      clearTimeout(late);
      onReady();
    });
    current.once('error', (error) => onFailure(`could not be started (${error.message})`));
    current.once('exit', (code, signal) => {
      clearTimeout(late);
      if (stopping) return;
      if (!wasReady) return onFailure(howItEnded(code, signal));
      if (performance.now() - started > HEALTHY) pause = pauses.first;
      say(
        `${name} ${howItEnded(code, signal)}; starting it again in ${pause / 1000} s. Its log: ${shownPath(logFile)}`,
      );
      const ready = (): void => say(`${name} runs again.`);
      again = setTimeout(() => run(ready, (why) => say(`${name} ${why}.`)), pause);
      pause = Math.min(pause * 2, pauses.longest);
    });
  };

  const ready = new Promise<void>((resolve, reject) => {
    const onReady = (): void => {
      wasReady = true;
      resolve();
    };
    run(onReady, (why) =>
      reject(new StopError(`${name} ${why}. The end of ${shownPath(logFile)}:\n${tailOf(logFile, 12, logStart)}`)),
    );
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    clearTimeout(again);
    const last = child;
    if (last?.pid === undefined || last.exitCode !== null || last.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => void last.once('exit', () => resolve()));
    last.kill('SIGTERM');
    await gone;
  };
  return { name, ready, stop, kill: () => void child?.kill('SIGKILL') };
};
