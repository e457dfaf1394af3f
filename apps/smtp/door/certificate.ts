// The certificate that clients see: read from its files, and again when they change or somebody asks.
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../../../libs/runtime/env';
import { messageOf } from '../../../libs/runtime/fault';
import type { Log } from '../../../libs/runtime/log';

/** How often the files are looked at, ms. */
const LOOK_MS = 60_000;

export interface Pair {
  cert: Buffer;
  key: Buffer;
}

export interface Certificate {
  /** Undefined where there is none: nothing is encrypted. */
  readonly pair: Pair | undefined;
  /** @param take is given each new pair */
  onChange(take: (pair: Pair) => void): void;
  /** Reads the files again; what is wrong with them is logged, and the one before stays. */
  reload(): void;
  stop(): void;
}

/** @throws whatever is wrong with the files, or with the two together */
const readPair = ({ cert, key }: { cert: string; key: string }): Pair => {
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  createSecureContext(pair);
  return pair;
};

const timesOf = ({ cert, key }: { cert: string; key: string }): string => {
  try {
    return [cert, key].map((file) => statSync(file).mtimeMs).join(' ');
  } catch {
    // One is being replaced: the next look sees both.
    return '';
  }
};

/**
 * @param files names of files in PEM
 * @throws ConfigError where they cannot be used at the start
 */
export const createCertificate = (files: { cert: string; key: string } | undefined, log: Log): Certificate => {
  const takers: ((pair: Pair) => void)[] = [];
  let pair: Pair | undefined;
  if (files === undefined) return { pair, onChange: () => undefined, reload: () => undefined, stop: () => undefined };
  let times = timesOf(files);
  try {
    pair = readPair(files);
  } catch (error) {
    throw new ConfigError(
      `The configuration is wrong:\n✖ ROHRPOST_SMTP_TLS_CERT, ROHRPOST_SMTP_TLS_KEY: must name a certificate and its key in PEM: ${messageOf(error)}`,
    );
  }

  const reload = (): void => {
    times = timesOf(files);
    try {
      const read = readPair(files);
      pair = read;
      for (const take of takers) take(read);
      log.info('the certificate was read again');
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the certificate cannot be read again: the one before stays');
    }
  };
  const look = setInterval(() => {
    if (timesOf(files) !== times) reload();
  }, LOOK_MS).unref();

  return {
    get pair() {
      return pair;
    },
    onChange: (take) => void takers.push(take),
    reload,
    stop: () => clearInterval(look),
  };
};
