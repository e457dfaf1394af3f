// The API: everything it is made of, put together; started and stopped as one.
import { openContentStore } from '../../libs/content/open-store';
import type { ContentStore } from '../../libs/content/store';
import { createFetcher } from '../../libs/fetch/fetcher';
import { createMailLog } from '../../libs/events/mail-log';
import { startPaused } from '../../libs/events/start-paused';
import { createErase, type Erase } from '../../libs/jobs/layout/erase';
import { createBudget } from '../../libs/intake/budget';
import { createSchedule } from '../../libs/jobs/layout/schedule';
import { createVerifyRequests, VERIFY_WAIT_MS } from '../../libs/internal-queues/verify-requests';
import { createRemoveEmail } from '../../libs/jobs/transitions/remove-email';
import { createQueues } from '../../libs/jobs/layout/queues';
import { createEnqueue } from '../../libs/intake/enqueue';
import { createRenderer } from '../../libs/render/render';
import { createTemplating } from '../../libs/render/templating';
import { createAddressRule } from '../../libs/runtime/addresses';
import { uptime } from '../../libs/runtime/clock';
import { watchLoopDelay } from '../../libs/runtime/telemetry/loop-delay';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createMetrics, type Metrics } from '../../libs/runtime/telemetry/metrics';
import { createMemory } from '../../libs/store/limits/memory';
import { createChanges, type Changes } from '../../libs/store/redis/settings-cache';
import { claimRedis, untilDone } from '../../libs/store/redis/check-redis';
import { connectRedis, type Patience, type Redis } from '../../libs/store/redis/redis';
import { createDurability, type Durability } from '../../libs/store/durability/durability';
import { createRedisClock, tellClockSkew } from '../../libs/store/redis/redis-clock';
import { createLimits } from '../../libs/store/limits/transport-limits';
import { createAccept } from '../../libs/intake/accept';
import { createRequestMetrics, tellInstallation } from './telemetry/api-metrics';
import { createApp } from './app';
import { openRegistries } from './registries';
import { createEventStreams } from './http/event-streams';
import { checkEpoch } from '../../libs/events/epoch/watch-epoch';
import { createOverview } from '../../libs/administration/overview/overview';
import { createCommands } from '../../libs/administration/commands';
import type { ApiConfig } from './config';
import type { LongWork, RouteDeps } from './http/route-deps';
import { openOperations } from './long-work';
import { createProvider, type Provider } from './openid/provider';
import { serve } from './serve';

export interface RunningApi {
  lifecycle: Lifecycle;
  /** Where it listens. */
  port: number;
}

/**
 * Listens at once, also without Redis: it answers 503 until Redis is there.
 * @param lifecycle stops what has been started so far, also before this has returned
 * @param verifyWaitMs after which a try of a transport is looked up instead of waited for
 * @param metrics what is told to Prometheus
 * @throws Error where the port is taken
 */
export const startApi = async (
  config: ApiConfig,
  log: Log,
  lifecycle: Lifecycle = createLifecycle({ log, grace: config.grace }),
  verifyWaitMs = VERIFY_WAIT_MS,
  metrics = createMetrics('api'),
): Promise<RunningApi> => {
  const { redisUrl: url, redisSecrets: secrets } = config;
  const connect = (name: string, patience: Patience, listens = false): Redis => {
    const redis = connectRedis({ url, secrets, patience, name: `api:${name}`, listens, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  lifecycle.add({ name: 'loop delay', stop: watchLoopDelay(log, metrics.loopDelay) });
  const redis = connect('main', 'fail-fast');
  const clock = createRedisClock({ redis, log });
  lifecycle.add({ name: 'clock', stop: () => clock.stop() });
  tellClockSkew(metrics, clock);
  const changes = createChanges({ redis, subscriber: connect('subscriber', 'wait', true) });
  const orders = createVerifyRequests({ redis, waiting: connect('orders', 'wait'), waitMs: verifyWaitMs });
  lifecycle.add({ name: 'orders', stop: () => orders.close() });

  const open = (): Redis => connect('durability', 'fail-fast');
  const durability = createDurability({ choice: config.durability, main: redis, open });
  const rooms = openRooms({
    config,
    log,
    lifecycle,
    redis,
    clock,
    changes,
    orders,
    metrics,
    durability,
  });
  tellInstallation(metrics, rooms);
  const commands = createCommands(rooms);
  const work = openOperations(rooms, commands, (name) => connect(name, 'wait'));
  lifecycle.add({ name: 'operations', stop: () => work.operations.close() });
  lifecycle.add({ name: 'erasures', stop: () => work.erasures.close() });

  const app = createApp(rooms, changes, { commands, ...work }, log, () => lifecycle.stopping);
  const port = await serve(config, app, lifecycle);
  // Before the server stops: it waits for answers that are under way.
  lifecycle.add({ name: 'event streams', stop: () => rooms.eventStreams.close() });
  claimOrEnd(rooms, { paused: config.startPaused, durability, work }, log, lifecycle);
  log.info({ port }, 'api ready');
  return { lifecycle, port };
};

interface Ground {
  config: ApiConfig;
  log: Log;
  lifecycle: Lifecycle;
  redis: Redis;
  clock: RouteDeps['clock'];
  changes: Changes;
  orders: RouteDeps['orders'];
  metrics: Metrics;
  durability: Durability;
}

/** What requests are answered with. */
const openRooms = (ground: Ground): RouteDeps => {
  const { config, log, lifecycle, redis, clock, changes, orders, metrics, durability } = ground;
  const registries = openRegistries(ground);
  const { tenants, templates, transports, refs } = registries;
  const mailLog = createMailLog(log);
  const requestMetrics = createRequestMetrics(metrics, config.metricsTenants === true);
  const content = openContent(config, log);
  const fetcher = createFetcher({ allowPrivate: config.allowPrivate });
  lifecycle.add({ name: 'fetcher', stop: () => fetcher.close() });
  const limits = createLimits({ redis, clock, replica: 'api', changes });
  lifecycle.add({ name: 'limits', stop: () => limits.stop() });
  const templating = createTemplating({ templates, ...config.render, now: uptime });
  lifecycle.add({ name: 'render threads', stop: () => templating.close() });
  const { listening } = registries;
  const tells = config.bullmqEvents === true;
  const queues = createQueues({ redis, waits: false, tells, listened: listening.isOn });
  const schedule = createSchedule(redis);
  const memory = createMemory(redis, config.memoryShare);
  const budget = createBudget({ redis, tenants, refs, memory, bounds: config.bounds });
  const shared = { redis, clock, tenants, transports, templates, templating, content, refs, queues, budget, mailLog };
  return {
    ...registries,
    ...shared,
    eventStreams: createEventStreams({ redis, listening, clock }),
    overview: createOverview({ ...registries, redis, clock, queues, schedule }),
    durability,
    config,
    provider: openProvider(config, lifecycle),
    mayReachSmtp: createAddressRule(config.allowPrivateSmtp),
    limits,
    fetcher,
    removal: createRemoveEmail({ redis, clock, erase: openErase({ redis, clock, refs, content }) }),
    schedule,
    orders,
    metrics,
    requestMetrics,
    renderer: createRenderer({ templates, content, templating }),
    accept: createAccept({
      ...shared,
      durably: durability.durably,
      name: config.name,
      secrets: registries.secrets,
      enqueue: createEnqueue({ redis, schedule }),
      onAccepted: requestMetrics.accepted,
    }),
  };
};

const openErase = ({ redis, clock, refs, content }: Pick<RouteDeps, 'redis' | 'clock' | 'refs' | 'content'>): Erase =>
  createErase({
    redis,
    clock,
    releaseContent: (address, id, ids) => refs.release(address, id, ids, content.remove),
  });

/** Nobody asks it before somebody signs in: the API starts without it. */
const openProvider = ({ oidc, allowPrivate }: ApiConfig, lifecycle: Lifecycle): Provider | undefined => {
  if (oidc === undefined) return undefined;
  const provider = createProvider(oidc, allowPrivate);
  lifecycle.add({ name: 'identity provider', stop: () => provider.close() });
  return provider;
};

/** Opens it, and tells where it cannot be used: like Redis it may come later. */
const openContent = (config: ApiConfig, log: Log): ContentStore => {
  const content = openContentStore(config);
  void content.problems().then((problems) => {
    for (const { text } of problems) log.error({ problem: text }, 'contents cannot be kept or read now');
  });
  return content;
};

/** What a person must change is final: the process ends. Everything else is waited for. */
const claimOrEnd = (
  rooms: RouteDeps,
  { paused, durability, work }: { paused: boolean | undefined; durability: Durability; work: LongWork },
  log: Log,
  lifecycle: Lifecycle,
): void => {
  const { redis, installation, audit } = rooms;
  const start = { redis, log, ended: () => lifecycle.stopping };
  const claim = async (): Promise<void> => {
    await claimRedis(start);
    await untilDone(start, durability.requireFit);
    if (paused) await untilDone(start, () => startPaused(installation, audit, log));
    await untilDone(start, () => checkEpoch({ ...rooms, log }));
    // Those of a backup would go on otherwise, before anybody knows that it is one.
    work.operations.start();
    work.erasures.start();
  };
  claim().catch((error: unknown) => {
    log.fatal({ error }, 'this Redis cannot be used');
    void lifecycle.stop('unusable Redis').then(() => process.exit(1));
  });
};
