// Which Redis the environment asks for: one server, the primary that Sentinels name, or a cluster.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf } from '../../runtime/fault';

/** A server's address. */
export interface Address {
  host: string;
  port: number;
}

interface Login {
  username?: string;
  password?: string;
}

/** What a `REDIS_URL` says. */
export type RedisPlace =
  | { kind: 'server'; tls: boolean; url: string }
  | ({ kind: 'socket'; path: string; db: number } & Login)
  | ({ kind: 'sentinel'; tls: boolean; sentinels: Address[]; primary: string; db: number } & Login)
  | ({ kind: 'cluster'; tls: boolean; nodes: Address[] } & Login);

/** A URL that cannot be used; the message completes "REDIS_URL ..." and holds nothing of its password. */
class BadRedisUrl extends Error {
  override name = 'BadRedisUrl';
}

const FORMS =
  'must begin with redis:// or rediss:// (one server), redis-sentinel:// or rediss-sentinel://, redis-cluster:// or rediss-cluster://, or unix:///';

/** Scheme, user and password, hosts, path, parameters. Several hosts are no URL by the WHATWG's rules, so `URL` cannot read them. */
const SHAPE = /^([a-z-]+):\/\/(?:([^/?#]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?$/;

const [SENTINEL_PORT, REDIS_PORT] = [26_379, 6_379];

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BadRedisUrl('has a "%" that is not followed by two hexadecimal digits: write it as %25');
  }
};

const readLogin = (text: string | undefined): Login => {
  if (text === undefined) return {};
  const colon = text.indexOf(':');
  const [username, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return {
    ...(username !== '' && { username: decode(username) }),
    ...(password !== '' && { password: decode(password) }),
  };
};

/** `host`, `host:port`, `[::1]:port` */
const readAddress = (text: string, usual: number): Address => {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]+))(?::(\d*))?$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined)
    throw new BadRedisUrl(`names no server in "${text}": each must be host:port, separated by commas`);
  const port = digits === undefined ? usual : Number(digits);
  if (port < 1 || port > 65_535) throw new BadRedisUrl(`names a port in "${text}" that is not between 1 and 65535`);
  return { host, port };
};

const readAddresses = (text: string, usual: number): Address[] =>
  text.split(',').map((one) => readAddress(one.trim(), usual));

/** @returns the database of `?db=1`; 0 where it is not said */
const readDatabase = (parameters: string | undefined): number => {
  const asked = new URLSearchParams(parameters ?? '');
  for (const name of asked.keys())
    if (name !== 'db') throw new BadRedisUrl(`knows no parameter "${name}" in this form: only ?db=<number>`);
  const db = asked.get('db') ?? '0';
  if (!/^\d{1,5}$/.test(db)) throw new BadRedisUrl('must name the database by a number, like ?db=1');
  return Number(db);
};

const readServer = (text: string, hosts: string, tls: boolean): RedisPlace => {
  if (hosts.includes(','))
    throw new BadRedisUrl(
      'names several servers, but redis:// is for one: write redis-sentinel:// or redis-cluster:// before them',
    );
  if (hosts === '' || !URL.canParse(text)) throw new BadRedisUrl('must be like redis://:password@host:6379');
  return { kind: 'server', tls, url: text };
};

const readCluster = (hosts: string, path: string, parameters: string | undefined) => {
  if (path !== '/' || readDatabase(parameters) !== 0)
    throw new BadRedisUrl('names a database, but a Redis Cluster has only number 0: end it after the servers');
  return { kind: 'cluster' as const, nodes: readAddresses(hosts, REDIS_PORT) };
};

const readSentinel = (hosts: string, path: string, parameters: string | undefined) => {
  const primary = decode(path.slice(1));
  if (primary === '' || primary.includes('/'))
    throw new BadRedisUrl(
      'must end with the name under which the Sentinels watch the primary, like redis-sentinel://host:26379/mymaster',
    );
  const db = readDatabase(parameters);
  return { kind: 'sentinel' as const, sentinels: readAddresses(hosts, SENTINEL_PORT), primary, db };
};

/** @throws BadRedisUrl that says what is wrong, without the password */
export const readRedisUrl = (text: string): RedisPlace => {
  const [, scheme = '', userinfo, hosts = '', path = '/', parameters] = SHAPE.exec(text) ?? [];
  if (scheme !== 'unix' && path.includes('@'))
    throw new BadRedisUrl('has a "/" before an "@": in a user or password write / ? # @ as %2F %3F %23 %40');
  const tls = scheme.startsWith('rediss');
  switch (scheme) {
    case 'redis':
    case 'rediss':
      return readServer(text, hosts, tls);
    case 'redis-sentinel':
    case 'rediss-sentinel':
      return { ...readSentinel(hosts, path, parameters), tls, ...readLogin(userinfo) };
    case 'redis-cluster':
    case 'rediss-cluster':
      return { ...readCluster(hosts, path, parameters), tls, ...readLogin(userinfo) };
    case 'unix':
      if (hosts !== '' || path === '/')
        throw new BadRedisUrl('must name the socket by its whole path, like unix:///run/redis/redis.sock');
      return { kind: 'socket', path: decode(path), db: readDatabase(parameters), ...readLogin(userinfo) };
    default:
      throw new BadRedisUrl(FORMS);
  }
};

/** The same place without user and password, fit to be printed. */
export const shownRedisUrl = (text: string): string => text.replace(/^([a-z-]+:\/\/)[^/?#]*@/, '$1');

const RedisUrlText = z.string().superRefine((text, context) => {
  try {
    readRedisUrl(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
  }
});

/** The name of a file in PEM. @returns what it holds */
const CaFile = z.string().transform((file, context) => {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
    context.addIssue({ code: 'custom', message: `${file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)` });
  } catch (error) {
    context.addIssue({ code: 'custom', message: `must name a file that can be read: ${messageOf(error)}` });
  }
  return z.NEVER;
});

/** Variables of every process: where Redis is. */
export const REDIS_ENV = {
  REDIS_URL: RedisUrlText,
  /** Of the Sentinels themselves; that of the servers is part of the URL. */
  ROHRPOST_REDIS_SENTINEL_PASSWORD: z.string().optional(),
  /** Whose certificates are believed, instead of those that Node.js believes. */
  ROHRPOST_REDIS_CA: CaFile.optional(),
};

type RedisEnv = z.infer<z.ZodObject<typeof REDIS_ENV>>;

/** A rule for the schema of the environment: what is said for a kind of place is said with such a place. */
export const requireRedisPlace = (env: RedisEnv & { ROHRPOST_DURABILITY?: string }, context: z.RefinementCtx): void => {
  const place = readRedisUrl(env.REDIS_URL);
  const refuse = (name: string, message: string): void => context.addIssue({ code: 'custom', path: [name], message });
  if (env.ROHRPOST_REDIS_CA !== undefined && !('tls' in place && place.tls))
    refuse('ROHRPOST_REDIS_CA', 'is for TLS, and REDIS_URL asks for none: begin it with rediss');
  if (env.ROHRPOST_REDIS_SENTINEL_PASSWORD !== undefined && place.kind !== 'sentinel')
    refuse(
      'ROHRPOST_REDIS_SENTINEL_PASSWORD',
      'is for Sentinels, and REDIS_URL names none: begin it with redis-sentinel://',
    );
  // A wait speaks of what one server has written.
  if ((env.ROHRPOST_DURABILITY ?? 'memory') !== 'memory' && place.kind === 'cluster')
    refuse(
      'ROHRPOST_DURABILITY',
      'must be memory with a cluster, whose nodes cannot be waited for together: use one server or Sentinels for disk or replica',
    );
};

/** What a place is entered with besides its URL. */
export interface RedisSecrets {
  sentinelPassword?: string;
  /** Certificates in PEM. */
  ca?: string;
}

export interface RedisConfig {
  redisUrl: string;
  redisSecrets?: RedisSecrets;
}

export const toRedisConfig = (env: RedisEnv): RedisConfig => ({
  redisUrl: env.REDIS_URL,
  redisSecrets: {
    ...(env.ROHRPOST_REDIS_SENTINEL_PASSWORD !== undefined && {
      sentinelPassword: env.ROHRPOST_REDIS_SENTINEL_PASSWORD,
    }),
    ...(env.ROHRPOST_REDIS_CA !== undefined && { ca: env.ROHRPOST_REDIS_CA }),
  },
});
