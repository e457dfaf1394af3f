// A worker: everything it is made of, put together; started and stopped as one.
import { join } from 'node:path';
import { createFileStore } from '../../libs/content/file-store';
import { resolveSettings, type ResolvedSettings } from '../../libs/mail/settings';
import type { QueueAddress } from '../../libs/mail/queue-address';
import type { StoredEmail } from '../../libs/mail/stored-email';
import { createDue } from '../../libs/queue/due';
import { createErase } from '../../libs/queue/erase';
import { Fleet } from '../../libs/queue/fleet';
import { createQueues, type EmailQueue } from '../../libs/queue/queues';
import { createSettle } from '../../libs/queue/settle';
import { createRenderer } from '../../libs/render/render';
import { createTemplating } from '../../libs/render/templates';
import { systemClock } from '../../libs/runtime/clock';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { takeOrders } from '../../libs/queue/internal-jobs';
import { createConnections } from '../../libs/send/connections';
import { createHandOver } from '../../libs/send/hand-over';
import { verifyTransport } from '../../libs/send/verify';
import { createBreakers } from '../../libs/store/breaker';
import { createChanges } from '../../libs/store/changes';
import { createContentRefs } from '../../libs/store/content-refs';
import { claimFormat } from '../../libs/store/format';
import { connectRedis, redisUnfit, whenReady } from '../../libs/store/redis';
import { createSecretBox } from '../../libs/store/secrets';
import { createTemplates } from '../../libs/store/templates';
import { createTenants, type Tenants } from '../../libs/store/tenants';
import { createTransports } from '../../libs/store/transports';
import type { WorkerConfig } from './config';
import { createDeliver, openTransport } from './deliver';
import { createReport } from './report';
import { startUpkeep } from './upkeep';
import { createWork } from './work';

export interface RunningWorker {
  lifecycle: Lifecycle;
  fleet: Fleet;
  /** What is wrong now; nothing means ready. */
  problems: () => Promise<string[]>;
}

/** Waits for Redis as long as it takes. */
export const startWorker = async (config: WorkerConfig, log: Log): Promise<RunningWorker> => {
  const clock = systemClock;
  const lifecycle = createLifecycle({ log, grace: config.grace, now: clock.now });
  const connect = (name: string) => {
    const redis = connectRedis({ url: config.redisUrl, patience: 'wait', name: `worker:${name}`, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  const redis = connect('main');
  const subscriber = connect('subscriber');
  await whenReady(redis);
  await claimFormat(redis);
  for (const problem of await redisUnfit(redis)) log.error({ problem }, 'this Redis is not fit for keeping emails');

  const changes = createChanges({ redis, subscriber });
  const tenants = createTenants({ redis, changes, clock });
  const transports = createTransports({ redis, changes, clock, secrets: createSecretBox(config.secretKeys) });
  const content = createFileStore(join(config.dataDir, 'content'));
  const refs = createContentRefs({ redis, clock });
  const queues = createQueues({ redis, waits: true });
  const templates = createTemplates({ redis, changes, clock });
  const templating = createTemplating({ templates, ...config.render, now: clock.now });
  lifecycle.add({ name: 'render threads', stop: () => templating.close() });
  const connections = createConnections();
  lifecycle.add({ name: 'smtp connections', stop: () => connections.close() });

  const report = createReport(log);
  const deliver = createDeliver({
    redis,
    clock,
    transports,
    breakers: createBreakers({ redis, clock, replica: config.replica }),
    onTransport: report.transport,
    renderer: createRenderer({ templates, content, templating }),
    content,
    handOver: createHandOver(connections),
    settingsOf: ({ queue, email }) => settingsOf(tenants, queue, email),
  });
  const erase = createErase({
    redis,
    clock,
    releaseContent: (address, id, ids) => refs.release(address, id, ids, content.remove),
  });
  const settle = createSettle({ redis, clock, random: Math.random, erase });
  const due = createDue(redis);
  const fleet = new Fleet({
    redis,
    subscriber,
    queues,
    due,
    clock,
    log,
    concurrency: config.concurrency,
    maxOpen: config.maxOpenQueues,
    replica: config.replica,
    permission: (address) => permission(tenants, address),
    work: createWork({ deliver, settle, report, clock }),
  });
  lifecycle.add({ name: 'fleet', stop: (deadline) => fleet.stop(deadline) });
  fleet.start();
  const stopOrders = takeOrders({
    waiting: connect('orders'),
    verify: async ({ tenant, transport: name }) => {
      const transport = await openTransport(transports, tenant, name);
      if (transport === undefined) return { ok: false, ms: 0, reply: `the transport ${name} does not exist` };
      return verifyTransport(connections, transport, clock.now);
    },
  });
  lifecycle.add({ name: 'orders', stop: stopOrders });
  await startUpkeep({
    redis,
    clock,
    log,
    queues,
    refs,
    erase,
    due,
    tenants,
    removeContent: content.remove,
    settingsOf: (queue, email) => settingsOf(tenants, queue, email),
    connect,
    lifecycle,
  });
  log.info({ replica: config.replica, concurrency: config.concurrency }, 'worker ready');
  return {
    lifecycle,
    fleet,
    problems: async () => (redis.status === 'ready' ? redisUnfit(redis) : ['Redis does not answer']),
  };
};

const settingsOf = async (tenants: Tenants, queue: EmailQueue, email: StoredEmail): Promise<ResolvedSettings> => {
  const [tenant, registered] = await Promise.all([tenants.tenant(queue.address.tenant), tenants.queue(queue.address)]);
  return resolveSettings(tenant?.settings, registered?.settings, email);
};

const permission = async (
  tenants: Tenants,
  address: QueueAddress,
): Promise<{ enabled: boolean; concurrency: number }> => {
  const [tenant, queue] = await Promise.all([tenants.tenant(address.tenant), tenants.queue(address)]);
  const { concurrency } = resolveSettings(tenant?.settings, queue?.settings);
  return { enabled: tenant !== undefined && tenant.settings.enabled !== false, concurrency };
};
