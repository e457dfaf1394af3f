// What the process that takes mail by SMTP is told by its environment.
import { z } from 'zod';
import { CONTENT_ENV, toContentPlace, type ContentPlace } from '../../libs/content/open-store';
import { DurationMs } from '../../libs/mail/input/duration';
import { DURABILITY_ENV, toDurability, type DurabilityChoice } from '../../libs/mail/settings/durability-choice';
import { RETRY_ENV, toRetryBounds, type RetryBounds } from '../../libs/mail/settings/retry-bounds';
import { BOUNDS_ENV, toTenantBounds, type TenantBounds } from '../../libs/mail/settings/tenant-bounds';
import { InstallationName, isOn, Switch } from '../../libs/runtime/env';
import { LOG_LEVELS } from '../../libs/runtime/log';
import { REDIS_ENV, toRedisConfig, type RedisConfig } from '../../libs/store/servers/redis-place';

const Port = z.coerce.number().int().min(0).max(65_535);

export const SmtpEnv = z.object({
  ...REDIS_ENV,
  ...CONTENT_ENV,
  ...RETRY_ENV,
  ...DURABILITY_ENV,
  ROHRPOST_NAME: InstallationName,
  /** Beyond it whatever is new is refused for now; the rest is for what is under way. */
  ROHRPOST_MEMORY_SHARE: z.coerce.number().min(0.1).max(1).default(0.9),
  ...BOUNDS_ENV,
  ROHRPOST_MAX_BODY: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(25 * 1024 * 1024),
  /** true: BullMQ clients see what has completed and failed. */
  ROHRPOST_BULLMQ_EVENTS: Switch,
  /** 0: none. */
  ROHRPOST_SMTP_PORT: Port.default(2_525),
  ROHRPOST_SMTP_HOST: z.string().default('127.0.0.1'),
  /** TLS from the first byte (RFC 8314 3.3); 0: none. */
  ROHRPOST_SMTP_TLS_PORT: Port.default(0),
  /** Files in PEM. */
  ROHRPOST_SMTP_TLS_CERT: z.string().optional(),
  ROHRPOST_SMTP_TLS_KEY: z.string().optional(),
  /** At once; half of them from one network, and with one key. */
  ROHRPOST_SMTP_CONNECTIONS: z.coerce.number().int().min(2).max(10_000).default(500),
  /** Where bounces and complaints come in; 0: nowhere. */
  ROHRPOST_BOUNCE_PORT: Port.default(0),
  ROHRPOST_BOUNCE_HOST: z.string().default('127.0.0.1'),
  ROHRPOST_GRACE: DurationMs.default(30_000),
  ROHRPOST_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  ROHRPOST_METRICS_TENANTS: Switch,
  /** 0: no probe. */
  ROHRPOST_PROBE_PORT: Port.default(0),
  ROHRPOST_PROBE_HOST: z.string().default('127.0.0.1'),
});

type Env = z.infer<typeof SmtpEnv>;

/** A rule for the schema of the environment: a certificate is of no use without its key. */
export const requirePair = (env: Env, context: z.RefinementCtx): void => {
  const { ROHRPOST_SMTP_TLS_CERT: cert, ROHRPOST_SMTP_TLS_KEY: key, ROHRPOST_SMTP_TLS_PORT: port } = env;
  const needs = (name: string, other: string): void =>
    context.addIssue({ code: 'custom', path: [name], message: `is needed with ${other}` });
  if (cert !== undefined && key === undefined) needs('ROHRPOST_SMTP_TLS_KEY', 'ROHRPOST_SMTP_TLS_CERT');
  if (key !== undefined && cert === undefined) needs('ROHRPOST_SMTP_TLS_CERT', 'ROHRPOST_SMTP_TLS_KEY');
  if (port > 0 && cert === undefined) needs('ROHRPOST_SMTP_TLS_CERT', 'ROHRPOST_SMTP_TLS_PORT');
};

export interface SmtpConfig extends ContentPlace, RedisConfig {
  /** The installation's name: the domain of Message-IDs, and how clients are greeted. */
  name: string;
  /** Share of Redis' maxmemory that may be filled by what is new. */
  memoryShare: number;
  /** How many of each thing a tenant may have whose settings do not say. */
  bounds?: Partial<TenantBounds>;
  /** Bytes of a message. */
  maxBody: number;
  /** How often and how soon emails are tried; as the settings say where it is not given. */
  retries?: RetryBounds;
  /** What is waited for; Redis' memory where it is not given. */
  durability?: DurabilityChoice;
  /** Writes BullMQ's events and metrics of what has completed and failed. */
  bullmqEvents?: boolean;
  host: string;
  /** 0: none. */
  port: number;
  /** The port with TLS from the first byte; 0: none. */
  tlsPort: number;
  /** The port that takes reports alone; none where it is not given. */
  bounces?: { host: string; port: number };
  /** Names of files in PEM; without them there is no TLS, and only this machine itself may log in. */
  certificate?: { cert: string; key: string };
  /** Connections at once. */
  connections: number;
  /** Metrics name tenants and applications. */
  metricsTenants?: boolean;
  /** ms */
  grace: number;
}

export const toSmtpConfig = (env: Env): SmtpConfig => {
  const { ROHRPOST_SMTP_TLS_CERT: cert, ROHRPOST_SMTP_TLS_KEY: key } = env;
  return {
    ...toRedisConfig(env),
    ...toContentPlace(env),
    retries: toRetryBounds(env),
    durability: toDurability(env),
    name: env.ROHRPOST_NAME,
    maxBody: env.ROHRPOST_MAX_BODY,
    memoryShare: env.ROHRPOST_MEMORY_SHARE,
    bounds: toTenantBounds(env),
    bullmqEvents: isOn(env.ROHRPOST_BULLMQ_EVENTS),
    host: env.ROHRPOST_SMTP_HOST,
    port: env.ROHRPOST_SMTP_PORT,
    tlsPort: env.ROHRPOST_SMTP_TLS_PORT,
    ...(env.ROHRPOST_BOUNCE_PORT > 0 && {
      bounces: { host: env.ROHRPOST_BOUNCE_HOST, port: env.ROHRPOST_BOUNCE_PORT },
    }),
    ...(cert !== undefined && key !== undefined && { certificate: { cert, key } }),
    connections: env.ROHRPOST_SMTP_CONNECTIONS,
    metricsTenants: isOn(env.ROHRPOST_METRICS_TENANTS),
    grace: env.ROHRPOST_GRACE,
  };
};
