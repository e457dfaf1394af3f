// A worker: everything it is made of, put together; started and stopped as one.
import { openContentStore, spoolFolder } from '../../libs/content/open-store';
import { clearSpool } from '../../libs/content/spool';
import { createFetcher } from '../../libs/fetch/fetcher';
import { resolveSettings, type ResolvedSettings } from '../../libs/mail/settings';
import type { QueueAddress } from '../../libs/mail/queue-address';
import type { StoredEmail } from '../../libs/mail/stored-email';
import { createAudit, type Audit } from '../../libs/events/audit';
import { createDue } from '../../libs/queue/due';
import { createErase } from '../../libs/queue/erase';
import { Fleet } from '../../libs/queue/fleet';
import { createQueues, type EmailQueue } from '../../libs/queue/queues';
import { createRemoval } from '../../libs/queue/removal';
import { createSettle } from '../../libs/queue/settle';
import { createPool } from '../../libs/render/pool';
import { createRenderer } from '../../libs/render/render';
import { createTemplating } from '../../libs/render/templates';
import { systemClock } from '../../libs/runtime/clock';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { takeOrders } from '../../libs/queue/internal-jobs';
import { createConnections } from '../../libs/send/connections';
import { createHandOver } from '../../libs/send/hand-over';
import { STEP_BOUNDS, type StepBounds } from '../../libs/send/transmit';
import { verifyTransport } from '../../libs/send/verify';
import { createBreakers } from '../../libs/store/breaker';
import { createChanges } from '../../libs/store/changes';
import { createContentRefs } from '../../libs/store/content-refs';
import { claimFormat } from '../../libs/store/format';
import { connectRedis, redisUnfit, whenReady } from '../../libs/store/redis';
import { createSecretBox } from '../../libs/store/secrets';
import { createSigningSecrets } from '../../libs/store/signing-secrets';
import { createTemplates } from '../../libs/store/templates';
import { createTenants, type Tenants } from '../../libs/store/tenants';
import { createLimits, type Admission, type Limits } from '../../libs/store/transport-limits';
import { createTransports, type Transports } from '../../libs/store/transports';
import type { WorkerConfig } from './config';
import { createDeliver } from './deliver';
import { createGather, type Gather, type GatherDeps } from './gather';
import { createReport } from './report';
import { createSendEmail } from './send-email';
import { openTransport } from './through-transport';
import { startUpkeep } from './upkeep';
import { createWork } from './work';

/** No attempt takes so long: what is older in the spool belongs to a worker that is gone. */
const SPOOL_KEPT_MS = 24 * 3_600_000;

export interface RunningWorker {
  lifecycle: Lifecycle;
  fleet: Fleet;
  /** What is wrong now; nothing means ready. */
  problems: () => Promise<string[]>;
}

/** What an attempt may cost in time. */
export interface Bounds {
  /** The whole of it, ms: whatever a server does, its place is free again after this. */
  attempt: number;
  /** Each reply, ms. */
  steps: StepBounds;
}

export const BOUNDS: Bounds = { attempt: 15 * 60_000, steps: STEP_BOUNDS };

/** Waits for Redis as long as it takes. */
export const startWorker = async (config: WorkerConfig, log: Log, bounds = BOUNDS): Promise<RunningWorker> => {
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
  const secrets = createSecretBox(config.secretKeys);
  const transports = createTransports({ redis, changes, clock, secrets });
  const content = openContentStore(config);
  const signingSecrets = createSigningSecrets({ redis, changes, secrets, clock });
  const gather = await openSources(config, lifecycle, { content, signingSecrets, clock });
  const refs = createContentRefs({ redis, clock });
  const queues = createQueues({ redis, waits: true });
  const templates = createTemplates({ redis, changes, clock });
  const pool = createPool({ ...config.render, now: clock.now });
  lifecycle.add({ name: 'render threads', stop: () => pool.close() });
  const connections = createConnections();
  lifecycle.add({ name: 'smtp connections', stop: () => connections.close() });

  const limits = createLimits({ redis, replica: config.replica });
  lifecycle.add({ name: 'limits', stop: () => limits.stop() });

  const report = createReport(log);
  const audit = createAudit({ redis, clock });
  const deliver = createDeliver({
    redis,
    clock,
    transports,
    breakers: createBreakers({ redis, clock, replica: config.replica }),
    limits,
    onTransport: (transport, change, why) => {
      report.transport(transport, change, why);
      if (change === 'opened' || change === 'closed')
        void recordTransport(audit, transport, change, why).catch(report.unrecorded);
    },
    renderer: createRenderer({
      templates,
      content,
      templating: createTemplating({ templates, pool, trusted: config.render.trusted }),
    }),
    content,
    refs,
    gather,
    sendEmail: createSendEmail({ redis, clock, handOver: createHandOver(connections, bounds.steps) }),
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
    attemptMs: bounds.attempt,
    replica: config.replica,
    permission: (address) => permission(tenants, address),
    admit: (address) => admit({ tenants, transports, limits }, address),
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
    removal: createRemoval({ redis, clock, erase }),
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

/** What emails need from elsewhere at their time. */
const openSources = async (
  config: WorkerConfig,
  lifecycle: Lifecycle,
  deps: Pick<GatherDeps, 'content' | 'signingSecrets' | 'clock'>,
): Promise<Gather> => {
  const fetcher = createFetcher({ allowPrivate: config.allowPrivate });
  lifecycle.add({ name: 'fetcher', stop: () => fetcher.close() });
  await clearSpool(spoolFolder(config), deps.clock.now() - SPOOL_KEPT_MS);
  return createGather({ ...deps, fetcher, spoolFolder: spoolFolder(config) });
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

/** By the transport of the queue; the few emails that name another one are admitted there when they are taken. */
const admit = async (
  deps: { tenants: Tenants; transports: Transports; limits: Limits },
  address: QueueAddress,
): Promise<Admission | { until: number }> => {
  const { tenants } = deps;
  const [tenant, queue] = await Promise.all([tenants.tenant(address.tenant), tenants.queue(address)]);
  const { transport } = resolveSettings(tenant?.settings, queue?.settings);
  const limits = (await deps.transports.get(address.tenant, transport))?.limits;
  return deps.limits.admit(address.tenant, transport, limits);
};

/** For administrators, beside the log of this process: a transport went down or is up again. */
const recordTransport = (audit: Audit, id: string, change: 'opened' | 'closed', why: string): Promise<void> => {
  const [tenant = '', target = ''] = id.split('/');
  const what = change === 'opened' ? `transport down: ${why}` : 'transport up';
  return audit.record({ by: 'the service', what, tenant, target });
};
