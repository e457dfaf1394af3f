// How a process writes its log: JSON lines on standard output, secrets struck out before they are written.
import { pino, stdTimeFunctions, type Logger } from 'pino';

export type Log = Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRET_PATHS = ['auth', 'pass', 'password', 'secret', 'authorization', 'key'];

/**
 * Makes the log of a process.
 * @param app the process' name, on every line
 * @param level lines below it are not written
 */
export const createLog = (app: string, level: LogLevel): Log =>
  pino({
    level,
    base: { app, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    errorKey: 'error',
    redact: { paths: SECRET_PATHS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '***' },
  });
