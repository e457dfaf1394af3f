// What a worker is told by its environment.
import { hostname } from 'node:os';
import { z } from 'zod';
import { defaultThreads } from '../../libs/render/thread/pool';
import { CONTENT_ENV, toContentPlace, type ContentPlace } from '../../libs/content/open-store';
import { PrivateHostsText } from '../../libs/runtime/addresses';
import { DurationMs } from '../../libs/mail/input/duration';
import { DURABILITY_ENV, toDurability, type DurabilityChoice } from '../../libs/mail/settings/durability-choice';
import { BOUNDS_ENV, type TenantBounds } from '../../libs/mail/settings/tenant-bounds';
import { RETRY_ENV, toRetryBounds, type RetryBounds } from '../../libs/mail/settings/retry-bounds';
import { InstallationName, isOn, Switch } from '../../libs/runtime/env';
import { LOG_LEVELS } from '../../libs/runtime/log';
import { SecretKeysText, type SecretKey } from '../../libs/store/redis/secret-box';
import { REDIS_ENV, toRedisConfig, type RedisConfig } from '../../libs/store/servers/redis-place';

export const WorkerEnv = z.object({
  ...REDIS_ENV,
  ROHRPOST_SECRET_KEYS: SecretKeysText,
  ...CONTENT_ENV,
  ROHRPOST_ALLOW_PRIVATE_HOSTS: PrivateHostsText.default([]),
  ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS: PrivateHostsText.default([]),
  ...RETRY_ENV,
  ROHRPOST_MAX_SUPPRESSIONS: BOUNDS_ENV.ROHRPOST_MAX_SUPPRESSIONS,
  ...DURABILITY_ENV,
  ROHRPOST_NAME: InstallationName,
  /** Beyond it attempts leave short lines. */
  ROHRPOST_MEMORY_SHARE: z.coerce.number().min(0.1).max(1).default(0.9),
  ROHRPOST_CONCURRENCY: z.coerce.number().int().min(1).max(10_000).default(50),
  /** Not given: ten times as many. */
  ROHRPOST_WAITING: z.coerce.number().int().min(0).max(100_000).optional(),
  ROHRPOST_MAX_OPEN_QUEUES: z.coerce.number().int().min(1).max(100_000).default(500),
  /** With less than two, an attack by templates would hold up everybody. */
  ROHRPOST_RENDER_THREADS: z.coerce.number().int().min(1).max(256).default(defaultThreads),
  ROHRPOST_TEMPLATES: z.enum(['sandboxed', 'trusted']).default('sandboxed'),
  /** 1: pauses the whole installation at the start. */
  ROHRPOST_START_PAUSED: z.enum(['0', '1']).default('0'),
  /** true: BullMQ clients see what has completed and failed. */
  ROHRPOST_BULLMQ_EVENTS: Switch,
  /** true: metrics name tenants and applications. */
  ROHRPOST_METRICS_TENANTS: Switch,
  /** How often mailboxes are read that reports come to. */
  ROHRPOST_BOUNCE_MAILBOX_EVERY: DurationMs.default(60_000),
  ROHRPOST_GRACE: DurationMs.default(30_000),
  ROHRPOST_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** 0: no probe. */
  ROHRPOST_PROBE_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  ROHRPOST_PROBE_HOST: z.string().default('127.0.0.1'),
});

export interface WorkerConfig extends ContentPlace, RedisConfig {
  secretKeys: SecretKey[];
  /** The installation's name: how it greets servers. */
  name: string;
  /** Emails in work at once; and those that wait for servers and sources, beside them. */
  concurrency: number;
  waiting: number;
  maxOpenQueues: number;
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
  /** Share of Redis' maxmemory beyond which attempts leave short lines; 1 where it is not given. */
  memoryShare?: number;
  /** Pauses the whole installation before anything is sent. */
  startPaused?: boolean;
  /** Writes BullMQ's events and metrics of what has completed and failed. */
  bullmqEvents?: boolean;
  /** Metrics name tenants and applications. */
  metricsTenants?: boolean;
  /** How often mailboxes are read that reports come to, ms; a minute where it is not given. */
  mailboxEvery?: number;
  /** How much a tenant may have whose settings say nothing. */
  bounds?: Pick<TenantBounds, 'maxSuppressions'>;
  /** ms */
  grace: number;
  /** Names this process in locks and logs. */
  replica: string;
}

export const toWorkerConfig = (env: z.infer<typeof WorkerEnv>): WorkerConfig => ({
  ...toRedisConfig(env),
  secretKeys: env.ROHRPOST_SECRET_KEYS,
  ...toContentPlace(env),
  allowPrivate: env.ROHRPOST_ALLOW_PRIVATE_HOSTS,
  allowPrivateSmtp: env.ROHRPOST_ALLOW_PRIVATE_SMTP_HOSTS,
  retries: toRetryBounds(env),
  durability: toDurability(env),
  memoryShare: env.ROHRPOST_MEMORY_SHARE,
  name: env.ROHRPOST_NAME,
  concurrency: env.ROHRPOST_CONCURRENCY,
  waiting: env.ROHRPOST_WAITING ?? Math.min(100_000, env.ROHRPOST_CONCURRENCY * 10),
  maxOpenQueues: env.ROHRPOST_MAX_OPEN_QUEUES,
  render: { threads: env.ROHRPOST_RENDER_THREADS, trusted: env.ROHRPOST_TEMPLATES === 'trusted' },
  startPaused: env.ROHRPOST_START_PAUSED === '1',
  bullmqEvents: isOn(env.ROHRPOST_BULLMQ_EVENTS),
  metricsTenants: isOn(env.ROHRPOST_METRICS_TENANTS),
  mailboxEvery: env.ROHRPOST_BOUNCE_MAILBOX_EVERY,
  bounds: { maxSuppressions: env.ROHRPOST_MAX_SUPPRESSIONS },
  grace: env.ROHRPOST_GRACE,
  replica: `${hostname()}-${process.pid}`,
});
