// The API: everything it is made of, put together; started and stopped as one.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openContentStore } from '../../libs/content/open-store';
import { createFetcher } from '../../libs/fetch/fetcher';
import { createAudit } from '../../libs/events/audit';
import { startPaused } from '../../libs/events/start-paused';
import { createErase } from '../../libs/queue/erase';
import { createBudget } from '../../libs/queue/budget';
import { createDue } from '../../libs/queue/due';
import { createOrders } from '../../libs/queue/internal-jobs';
import { createOperations } from '../../libs/queue/operations';
import { createRemoval } from '../../libs/queue/removal';
import { createQueues } from '../../libs/queue/queues';
import { createSendQueue } from '../../libs/queue/send-queue';
import { createRenderer } from '../../libs/render/render';
import { createTemplating } from '../../libs/render/templates';
import { systemClock } from '../../libs/runtime/clock';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createApiKeys } from '../../libs/store/api-keys';
import { createBreakers } from '../../libs/store/breaker';
import { createChanges } from '../../libs/store/changes';
import { createContentRefs } from '../../libs/store/content-refs';
import { claimFormat } from '../../libs/store/format';
import { createInstallation } from '../../libs/store/installation';
import { connectRedis, redisUnfit, whenReady, type Patience, type Redis } from '../../libs/store/redis';
import { createSecretBox } from '../../libs/store/secrets';
import { createSigningSecrets } from '../../libs/store/signing-secrets';
import { createTemplates } from '../../libs/store/templates';
import { createTenants } from '../../libs/store/tenants';
import { createLimits } from '../../libs/store/transport-limits';
import { createTransports } from '../../libs/store/transports';
import { createAccept } from './accept';
import { createApp } from './app';
import { createGuard } from './auth';
import { runBulk } from './bulk';
import type { BulkOrder } from './bulk-order';
import { createCommands } from './commands';
import type { ApiConfig } from './config';
import type { Rooms } from './rooms';

export interface RunningApi {
  lifecycle: Lifecycle;
  /** Where it listens. */
  port: number;
}

/** Listens at once, also without Redis: it answers 503 until Redis is there. @throws Error where the port is taken */
export const startApi = async (config: ApiConfig, log: Log): Promise<RunningApi> => {
  const clock = systemClock;
  const lifecycle = createLifecycle({ log, grace: config.grace, now: clock.now });
  const connect = (name: string, patience: Patience): Redis => {
    const redis = connectRedis({ url: config.redisUrl, patience, name: `api:${name}`, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  const redis = connect('main', 'fail-fast');
  const changes = createChanges({ redis, subscriber: connect('subscriber', 'wait') });
  const orders = createOrders({ redis, waiting: connect('orders', 'wait') });
  lifecycle.add({ name: 'orders', stop: () => orders.close() });

  const tenants = createTenants({ redis, changes, clock });
  const templates = createTemplates({ redis, changes, clock });
  const secrets = createSecretBox(config.secretKeys);
  const transports = createTransports({ redis, changes, clock, secrets });
  const content = openContentStore(config);
  const fetcher = createFetcher({ allowPrivate: config.allowPrivate });
  lifecycle.add({ name: 'fetcher', stop: () => fetcher.close() });
  const limits = createLimits({ redis, clock, replica: 'api' });
  lifecycle.add({ name: 'limits', stop: () => limits.stop() });
  const templating = createTemplating({ templates, ...config.render, now: clock.now });
  lifecycle.add({ name: 'render threads', stop: () => templating.close() });
  const refs = createContentRefs({ redis, clock });
  const queues = createQueues({ redis, waits: false });
  const due = createDue(redis);
  const erase = createErase({
    redis,
    clock,
    releaseContent: (address, id, ids) => refs.release(address, id, ids, content.remove),
  });
  const budget = createBudget({ redis, clock, tenants, refs, memoryShare: config.memoryShare });
  const rooms: Rooms = {
    config,
    clock,
    redis,
    installation: createInstallation({ redis, changes, clock }),
    tenants,
    transports,
    breakers: createBreakers({ redis, clock, replica: 'api' }),
    limits,
    templates,
    keys: createApiKeys({ redis, changes, clock, operatorKey: config.operatorKey }),
    content,
    fetcher,
    signingSecrets: createSigningSecrets({ redis, changes, secrets, clock }),
    refs,
    queues,
    budget,
    removal: createRemoval({ redis, clock, erase }),
    due,
    orders,
    templating,
    renderer: createRenderer({ templates, content, templating }),
    accept: createAccept({
      redis,
      clock,
      name: config.name,
      tenants,
      transports,
      templates,
      templating,
      content,
      refs,
      queues,
      sendQueue: createSendQueue({ redis, due }),
      budget,
    }),
    guard: createGuard(tenants),
    audit: createAudit({ redis, clock }),
  };
  const commands = createCommands(rooms);
  const operations = createOperations<BulkOrder>({
    redis,
    waiting: connect('operations', 'wait'),
    run: (order, progress, save) => runBulk(rooms, commands, order, progress, save),
  });
  lifecycle.add({ name: 'operations', stop: () => operations.close() });

  const server = await listen(config, createServer(createApp(rooms, changes, commands, operations, log)));
  lifecycle.add({ name: 'http server', stop: () => new Promise((resolve) => server.close(() => resolve())) });
  void whenReady(redis)
    .then(() => inspect(rooms, log))
    .catch((error: unknown) => {
      log.fatal({ error }, 'this Redis cannot be used');
      void lifecycle.stop('unusable Redis').then(() => process.exit(1));
    });
  const { port } = server.address() as AddressInfo;
  log.info({ port }, 'api ready');
  return { lifecycle, port };
};

const inspect = async ({ config, redis, installation, audit }: Rooms, log: Log): Promise<void> => {
  await claimFormat(redis);
  if (config.startPaused) await startPaused(installation, audit, log);
  for (const problem of await redisUnfit(redis)) log.error({ problem }, 'this Redis is not fit for keeping emails');
};

/** Slow clients hold a socket no longer than these (facts.md 3). */
const listen = async (config: ApiConfig, server: Server): Promise<Server> => {
  server.headersTimeout = 10_000;
  server.requestTimeout = 120_000;
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  return server;
};
