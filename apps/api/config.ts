// What the API is told by its environment.
import { z } from 'zod';
import { defaultThreads } from '../../libs/render/thread/pool';
import { CONTENT_ENV, toContentPlace, type ContentPlace } from '../../libs/content/open-store';
import { PrivateHostsText } from '../../libs/runtime/addresses';
import { InstallationName, isOn, Switch } from '../../libs/runtime/env';
import { LOG_LEVELS } from '../../libs/runtime/log';
import { DurationMs } from '../../libs/mail/input/duration';
import { DURABILITY_ENV, toDurability, type DurabilityChoice } from '../../libs/mail/settings/durability-choice';
import { RETRY_ENV, toRetryBounds, type RetryBounds } from '../../libs/mail/settings/retry-bounds';
import { AddressRangesText } from '../../libs/mail/settings/address-ranges';
import { BOUNDS_ENV, toTenantBounds, type TenantBounds } from '../../libs/mail/settings/tenant-bounds';
import { SecretKeysText, type SecretKey } from '../../libs/store/redis/secret-box';
import { OIDC_ENV, toOidcConfig, type OidcConfig } from './openid/oidc-config';
import { REDIS_ENV, toRedisConfig, type RedisConfig } from '../../libs/store/servers/redis-place';

export const ApiEnv = z.object({
  ...REDIS_ENV,
  ROHRPOST_OPERATOR_KEY: z
    .string()
    .regex(/^[!-~]{32,256}$/, 'must be 32 or more printable characters without spaces (openssl rand -hex 32)'),
  ROHRPOST_SECRET_KEYS: SecretKeysText,
  ROHRPOST_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(3_000),
  ROHRPOST_HTTP_HOST: z.string().default('127.0.0.1'),
  ROHRPOST_TRUSTED_PROXIES: AddressRangesText.default([]),
  ...CONTENT_ENV,
  ROHRPOST_ALLOW_PRIVATE_HOSTS: PrivateHostsText.default([]),
  ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS: PrivateHostsText.default([]),
  ...RETRY_ENV,
  ...DURABILITY_ENV,
  ROHRPOST_NAME: InstallationName,
  /** Bytes. */
  /** Beyond it whatever is new is 507; the rest is for what is under way. */
  ROHRPOST_MEMORY_SHARE: z.coerce.number().min(0.1).max(1).default(0.9),
  ...BOUNDS_ENV,
  ROHRPOST_MAX_BODY: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(25 * 1024 * 1024),
  /** As browsers reach the service; else what they say counts. */
  ROHRPOST_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an address like https://mail.example.org' })
    .optional(),
  ...OIDC_ENV,
  /** With less than two, an attack by templates would hold up everybody. */
  ROHRPOST_RENDER_THREADS: z.coerce.number().int().min(1).max(256).default(defaultThreads),
  ROHRPOST_TEMPLATES: z.enum(['sandboxed', 'trusted']).default('sandboxed'),
  /** 1: pauses the whole installation at the start. */
  ROHRPOST_START_PAUSED: z.enum(['0', '1']).default('0'),
  /** true: BullMQ clients see what has completed and failed. */
  ROHRPOST_BULLMQ_EVENTS: Switch,
  /** true: metrics name tenants and applications. */
  ROHRPOST_METRICS_TENANTS: Switch,
  ROHRPOST_GRACE: DurationMs.default(30_000),
  ROHRPOST_STOP_DELAY: DurationMs.default(1_000),
  ROHRPOST_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});

export interface ApiConfig extends ContentPlace, RedisConfig {
  operatorKey: string;
  secretKeys: SecretKey[];
  /** 0: any free one. */
  port: number;
  host: string;
  /** Ranges of proxies whose X-Forwarded-For is believed. */
  trustedProxies?: string[];
  /** As browsers reach the service, where that is not what they say. */
  publicUrl?: string;
  /** Where people sign in beside the keys. */
  oidc?: OidcConfig;
  /** The installation's name: the domain of Message-IDs. */
  name: string;
  /** Share of Redis' maxmemory that may be filled by what is new. */
  memoryShare: number;
  /** How many of each thing a tenant may have whose settings do not say. */
  bounds?: Partial<TenantBounds>;
  /** Bytes of a request. */
  maxBody: number;
  /** How many threads render, and whether templates run in plain V8 instead of the sandbox. */
  render: { threads: number; trusted: boolean };
  /** Hosts of private networks that data and documents may be fetched from all the same. */
  allowPrivate: string[];
  /** Hosts of private networks that transports of tenants' administrators may name all the same. */
  allowPrivateSmtp: string[];
  /** How often and how soon emails are tried; as the settings say where it is not given. */
  retries?: RetryBounds;
  /** What is waited for; Redis' memory where it is not given. */
  durability?: DurabilityChoice;
  /** Pauses the whole installation before anything is sent. */
  startPaused?: boolean;
  /** Writes BullMQ's events and metrics of what has completed and failed. */
  bullmqEvents?: boolean;
  /** Metrics name tenants and applications. */
  metricsTenants?: boolean;
  /** ms */
  grace: number;
  /** From the 503 of `/readyz` to the end of listening, ms. */
  stopDelay: number;
}

const withOidc = (oidc: OidcConfig | undefined): Pick<ApiConfig, 'oidc'> => (oidc === undefined ? {} : { oidc });

export const toApiConfig = (env: z.infer<typeof ApiEnv>): ApiConfig => ({
  ...toRedisConfig(env),
  operatorKey: env.ROHRPOST_OPERATOR_KEY,
  secretKeys: env.ROHRPOST_SECRET_KEYS,
  port: env.ROHRPOST_HTTP_PORT,
  host: env.ROHRPOST_HTTP_HOST,
  trustedProxies: env.ROHRPOST_TRUSTED_PROXIES,
  ...(env.ROHRPOST_PUBLIC_URL !== undefined && { publicUrl: env.ROHRPOST_PUBLIC_URL }),
  ...withOidc(toOidcConfig(env)),
  ...toContentPlace(env),
  allowPrivate: env.ROHRPOST_ALLOW_PRIVATE_HOSTS,
  allowPrivateSmtp: env.ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS,
  retries: toRetryBounds(env),
  durability: toDurability(env),
  name: env.ROHRPOST_NAME,
  maxBody: env.ROHRPOST_MAX_BODY,
  memoryShare: env.ROHRPOST_MEMORY_SHARE,
  bounds: toTenantBounds(env),
  render: { threads: env.ROHRPOST_RENDER_THREADS, trusted: env.ROHRPOST_TEMPLATES === 'trusted' },
  startPaused: env.ROHRPOST_START_PAUSED === '1',
  bullmqEvents: isOn(env.ROHRPOST_BULLMQ_EVENTS),
  metricsTenants: isOn(env.ROHRPOST_METRICS_TENANTS),
  grace: env.ROHRPOST_GRACE,
  stopDelay: env.ROHRPOST_STOP_DELAY,
});
