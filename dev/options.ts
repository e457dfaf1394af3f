// What the launcher was asked to do: its arguments and the environment, checked before anything is started.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDuration } from '../libs/mail/input/duration';
import { reasonOf, StopError } from './telling';

export interface Options {
  workers: number;
  /** Absolute. */
  dataDir: string;
  redisUrl: string | undefined;
  httpHost: string;
  httpPort: number;
  /** Where applications hand in mail by SMTP; 0: nowhere; undefined: 2525, or the next one that is free. */
  smtpPort: number | undefined;
  inboxSmtpPort: number;
  inboxHttpPort: number;
  /** How long stopping may take in all, in milliseconds. */
  grace: number;
}

const MOST_WORKERS = 64;

export const HELP = `Usage: npm start -- [--workers N]

Starts Rohrpost on this machine: the API, N workers (1 unless given), a port for mail by SMTP, a development inbox, and a
Redis of its own unless REDIS_URL names one. Ctrl-C stops all of it; the next start finds its data again.

Environment (all optional):
  REDIS_URL                  a Redis that you already have
  ROHRPOST_DATA_DIR          where data, keys and logs are kept (.rohrpost)
  ROHRPOST_HTTP_PORT         the API (3000)
  ROHRPOST_SMTP_PORT         mail by SMTP from applications (2525, or the next free one; 0: none)
  ROHRPOST_INBOX_SMTP_PORT   the development inbox, SMTP (1025)
  ROHRPOST_INBOX_HTTP_PORT   the development inbox, page (8025)
  ROHRPOST_OPERATOR_KEY      the operator's key (made on the first start)
  ROHRPOST_SECRET_KEYS       what encrypts stored secrets (made on the first start)
  ROHRPOST_GRACE             how long stopping may take (8s)
  ROHRPOST_NO_DOWNLOAD       1: never download a Redis
Every other ROHRPOST_* variable reaches the API and the workers as it is.`;

/**
 * Reads arguments and environment.
 * @returns the options, or 'help' where help was asked for
 * @throws StopError that names the argument or variable, and what it takes
 */
export const readOptions = (args: readonly string[], env: NodeJS.ProcessEnv): Options | 'help' => {
  const given = readArgs(args);
  if (given.help === true) return 'help';
  return {
    workers: wholeNumber('--workers', given.workers ?? '1', 1, MOST_WORKERS),
    dataDir: resolve(filled(env['ROHRPOST_DATA_DIR']) ?? '.rohrpost'),
    redisUrl: filled(env['REDIS_URL']),
    httpHost: filled(env['ROHRPOST_HTTP_HOST']) ?? '127.0.0.1',
    httpPort: port(env, 'ROHRPOST_HTTP_PORT', '3000'),
    smtpPort: filled(env['ROHRPOST_SMTP_PORT']) === undefined ? undefined : port(env, 'ROHRPOST_SMTP_PORT', ''),
    inboxSmtpPort: port(env, 'ROHRPOST_INBOX_SMTP_PORT', '1025'),
    inboxHttpPort: port(env, 'ROHRPOST_INBOX_HTTP_PORT', '8025'),
    grace: span(env, 'ROHRPOST_GRACE', '8s'),
  };
};

const readArgs = (args: readonly string[]): { workers?: string; help?: boolean } => {
  try {
    const options = { workers: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new StopError(`${reasonOf(error)}\nnpm start -- --help shows what can be given.`);
  }
};

/** An empty variable counts as not set, as in the services. */
const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const wholeNumber = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
  throw new StopError(`${name} takes a whole number from ${least} to ${most}, not "${text}".`);
};

const port = (env: NodeJS.ProcessEnv, name: string, usual: string): number =>
  wholeNumber(name, filled(env[name]) ?? usual, 0, 65_535);

const span = (env: NodeJS.ProcessEnv, name: string, usual: string): number => {
  const text = filled(env[name]) ?? usual;
  const ms = parseDuration(text);
  if (ms === undefined) throw new StopError(`${name} takes a span like 500ms, 8s or 1m, not "${text}".`);
  return ms;
};
