// Real processes of the service, for what only a process can show: signals, crashes, exit codes.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { OPERATOR_KEY, SECRET_KEYS } from '../service';

export interface ServiceProcess {
  child: ChildProcess;
  port: number;
  /** JSON lines that it logged. */
  log: string[];
  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

const ROOT = join(__dirname, '../../..');

export const serviceEnv = (redisUrl: string, dataDir: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  REDIS_URL: redisUrl,
  ROHRPOST_DATA_DIR: dataDir,
  ROHRPOST_OPERATOR_KEY: OPERATOR_KEY,
  ROHRPOST_SECRET_KEYS: SECRET_KEYS.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(','),
  ROHRPOST_HTTP_PORT: '0',
  ROHRPOST_NAME: 'mail.test',
  ROHRPOST_GRACE: '8s',
  // Tests do not wait a second for each attempt.
  ROHRPOST_MIN_BACKOFF: '1ms',
});

export type App = 'api' | 'worker' | 'smtp';

/** What else than the API needs neither; mail by SMTP unseals nothing. */
const envOf = (app: App, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  if (app === 'api') return env;
  return { ...env, ROHRPOST_OPERATOR_KEY: undefined, ...(app === 'smtp' && { ROHRPOST_SECRET_KEYS: undefined }) };
};

/**
 * Starts a process of the service from its sources, and does not wait for it.
 * @param root where the sources are: those of another version
 */
export const launchProcess = (
  app: App,
  env: NodeJS.ProcessEnv,
  preload?: string,
  root = ROOT,
): Omit<ServiceProcess, 'port'> => {
  const child = fork(join(root, `apps/${app}/main.ts`), {
    execArgv: ['--import', 'tsx', ...(preload === undefined ? [] : ['--import', join(__dirname, preload)])],
    env: envOf(app, env),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    cwd: root,
  });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) =>
      log.push(
        ...chunk
          .toString()
          .split('\n')
          .filter((line) => line !== ''),
      ),
    );
  }
  return {
    child,
    log,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
      const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
      child.kill(signal);
      const [code, by] = await exit;
      return code ?? by;
    },
  };
};

/**
 * Starts a process of the service from its sources and waits until it says that it is ready.
 * @param preload a file of this folder that the process loads first: what is done to it needs no switch in its code
 */
export const startProcess = async (
  app: App,
  env: NodeJS.ProcessEnv,
  preload?: string,
  root?: string,
): Promise<ServiceProcess> => {
  const started = launchProcess(app, env, preload, root);
  const ended = once(started.child, 'exit').then(() => {
    throw new Error(`apps/${app} ended before it was ready: ${started.log.join('\n')}`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(started.child, 'message'), ended])) as [{ port?: number }];
  return { ...started, port: message.port ?? 0 };
};
