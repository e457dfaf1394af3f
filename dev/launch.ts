// The launcher: brings up Redis, the inbox, the API and the workers on one machine, and takes them down again.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keepRunning, type Child } from './child';
import { ensureDemo, type Demo } from './demo/demo';
import { signInLink } from './demo/sign-in-link';
import { startInbox, type Inbox } from './inbox';
import { HELP, readOptions, type Options } from './options';
import { nextFreePort, requirePorts } from './ports';
import { guardRedis, type GuardedRedis } from './redis-guard';
import { requireRedis, shownUrl } from './redis-url';
import { loadSecrets, openDataDir, type Secrets } from './secrets';
import { reasonOf, StopError } from './telling';
import { welcome } from './welcome';

/** What has been started so far; stopped in reverse. */
interface House {
  redis?: GuardedRedis;
  inbox?: Inbox;
  children: Child[];
  stopping: boolean;
}

const SMTP_HOST = '127.0.0.1';
const USUAL_SMTP_PORT = 2_525;

const say = (line: string): void => console.log(line);

/** Stops the services, then the inbox, then Redis: nothing may be sent, and nothing lost, once its ground is gone. */
const close = async ({ children, inbox, redis }: House, patience: number): Promise<void> => {
  const stopped = Promise.all(children.map((child) => child.stop()));
  const inTime = await Promise.race([stopped.then(() => true), pause(patience, false, { ref: false })]);
  if (!inTime) {
    say('Not everything stopped in time; ending the rest.');
    children.forEach((child) => child.kill());
    await stopped;
  }
  await inbox?.close();
  await redis?.stop();
};

const startHouse = async (root: string, options: Options, house: House): Promise<void> => {
  openDataDir(options.dataDir);
  const { httpHost: host } = options;
  const [httpPort = 0, inboxSmtpPort = 0, pagePort = 0] = await requirePorts([
    { variable: 'ROHRPOST_HTTP_PORT', host, port: options.httpPort },
    { variable: 'ROHRPOST_INBOX_SMTP_PORT', host: '127.0.0.1', port: options.inboxSmtpPort },
    { variable: 'ROHRPOST_INBOX_HTTP_PORT', host: '127.0.0.1', port: options.inboxHttpPort },
    ...(options.smtpPort ? [{ variable: 'ROHRPOST_SMTP_PORT', host: SMTP_HOST, port: options.smtpPort }] : []),
  ]);
  const secrets = loadSecrets(options.dataDir, process.env);
  if (options.redisUrl === undefined) house.redis = await guardRedis(options.dataDir, say);
  else await requireRedis(options.redisUrl);
  if (house.stopping) return;
  house.inbox = await startInbox({ smtpPort: inboxSmtpPort, httpPort: pagePort });

  const smtpPort = options.smtpPort ?? (await nextFreePort(SMTP_HOST, USUAL_SMTP_PORT));
  const known = { ...options, httpPort, smtpPort };
  const redisUrl = options.redisUrl ?? house.redis?.url ?? '';
  house.children.push(...startServices(root, known, redisUrl, secrets));
  await Promise.all(house.children.map(({ ready }) => ready));
  if (house.stopping) return;

  const api = `http://${reachable(host)}:${httpPort}`;
  const demo = await demoOrWarning({
    root,
    dataDir: options.dataDir,
    api,
    inboxSmtpPort,
    ...ownership(house, secrets),
  });
  if (house.stopping) return;
  const redis = house.redis?.title ?? shownUrl(redisUrl);
  const link = demo && (await signInLink(api, demo.admin));
  say(welcome({ options: known, api, inbox: `http://127.0.0.1:${pagePort}`, redis, secrets, demo, link }));
};

/** The host as this machine reaches it, fit for a URL. */
const reachable = (host: string): string => {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
};

/** The API once, the worker as often as wanted, and what takes mail by SMTP where a port is. */
const startServices = (root: string, options: Options, redisUrl: string, secrets: Secrets): Child[] => {
  const { dataDir, httpHost, httpPort, smtpPort, grace, workers } = options;
  // Of all processes the API alone checks keys: what tenants write is rendered in workers, too.
  const env = {
    ...process.env,
    ROHRPOST_OPERATOR_KEY: undefined,
    ROHRPOST_OPERATOR_KEY_FILE: undefined,
    REDIS_URL: redisUrl,
    ROHRPOST_HTTP_HOST: httpHost,
    ROHRPOST_HTTP_PORT: String(httpPort),
    ROHRPOST_SECRET_KEYS: secrets.secretKeys,
    ROHRPOST_DATA_DIR: dataDir,
    // A little less than we wait for them, so that they end by themselves.
    ROHRPOST_GRACE: `${Math.round(Math.max(grace - 1_000, grace / 2))}ms`,
  };
  const start = (name: string, app: string, more: NodeJS.ProcessEnv = {}): Child =>
    keepRunning({
      name,
      file: join(root, 'dist', 'apps', app, 'main.js'),
      preload: join(root, 'dist', 'dev', 'end-with-parent.js'),
      env: { ...env, ...more },
      logFile: join(dataDir, 'logs', `${name}.log`),
      say,
    });
  const numbers = Array.from({ length: workers }, (_, index) => index + 1);
  const api = start('api', 'api', { ROHRPOST_OPERATOR_KEY: secrets.operatorKey });
  // It unseals nothing; and a probe's port is the first worker's.
  const door = { ROHRPOST_SMTP_PORT: String(smtpPort), ROHRPOST_SECRET_KEYS: undefined, ROHRPOST_PROBE_PORT: '0' };
  const takesReports = Number(process.env['ROHRPOST_BOUNCE_PORT'] ?? 0) > 0;
  return [
    api,
    ...numbers.map((number) => start(`worker-${number}`, 'worker')),
    ...(smtpPort === 0 && !takesReports ? [] : [start('smtp', 'smtp', door)]),
  ];
};

const ownership = ({ redis }: House, { operatorKey }: Secrets) => ({ operatorKey, isOwnRedis: redis !== undefined });

/** Without its demo the service is still a service. */
const demoOrWarning = async (options: Parameters<typeof ensureDemo>[0]): Promise<Demo | undefined> => {
  try {
    return await ensureDemo(options);
  } catch (error) {
    say(`The demo tenant could not be set up: ${reasonOf(error)}`);
    return undefined;
  }
};

/** Ends the process when it is told to; a second time means at once. */
const stopOnSignal = (house: House, grace: number): void => {
  const stop = async (signal: string): Promise<void> => {
    if (house.stopping) return house.children.forEach((child) => child.kill());
    house.stopping = true;
    say(`\n${signal}: stopping (again to stop at once) ...`);
    await close(house, Math.max(grace - 500, grace * 0.75)).catch((error: unknown) => say(reasonOf(error)));
    say('Stopped. npm start continues where this left off.');
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
  // npm hands SIGTERM to the shell between it and us, which dies of it alone: notice that the shell is gone.
  const parent = process.ppid;
  const orphaned = (): void => void (process.ppid === parent || house.stopping || void stop('npm has ended'));
  if (process.env['npm_lifecycle_event'] === 'start') setInterval(orphaned, 200).unref();
};

/**
 * Starts everything and returns when it runs; it stops at a signal.
 * @param root the folder that holds `dist`
 */
export const launch = async (root: string, args: readonly string[]): Promise<void> => {
  const house: House = { children: [], stopping: false };
  try {
    const options = readOptions(args, process.env);
    if (options === 'help') return say(HELP);
    stopOnSignal(house, options.grace);
    await startHouse(root, options, house);
  } catch (error) {
    if (house.stopping) return;
    house.stopping = true;
    console.error(`\n${error instanceof StopError ? error.message : (error as Error).stack}\n`);
    await close(house, 2_000).catch(() => undefined);
    process.exit(1);
  }
};
