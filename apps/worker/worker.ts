// A worker: everything it is made of, put together; started and stopped as one.
import { createAudit, type Audit } from '../../libs/events/audit';
import { Dispatcher } from '../../libs/dispatch/dispatcher';
import { checkEpoch } from '../../libs/events/epoch/watch-epoch';
import { answerVerifyRequests } from '../../libs/internal-queues/verify-requests';
import { createRemoveEmail } from '../../libs/jobs/transitions/remove-email';
import { createMemory } from '../../libs/store/limits/memory';
import { createSettle } from '../../libs/dispatch/settle';
import { contentIdsOf } from '../../libs/mail/email/stored-email';
import { createAddressRule } from '../../libs/runtime/addresses';
import { watchLoopDelay } from '../../libs/runtime/telemetry/loop-delay';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createMetrics, type Metrics } from '../../libs/runtime/telemetry/metrics';
import { createConnections, type Connections } from '../../libs/send/smtp/connections';
import { createSendMessage } from '../../libs/send/smtp/send-message';
import { STEP_BOUNDS, type StepBounds } from '../../libs/send/smtp/step-bounds';
import { startPaused } from '../../libs/events/start-paused';
import { createBreakers } from '../../libs/store/limits/breaker';
import { claimRedis, untilDone, type Start } from '../../libs/store/redis/check-redis';
import { createDurability, type Durably } from '../../libs/store/durability/durability';
import { connectRedis, redisProblems, type Patience, type Redis } from '../../libs/store/redis/redis';
import { missingSecretKeys } from '../../libs/store/registries/reseal';
import { admitQueue } from './attempt/admit';
import { runAttempt, type AttemptDeps } from './attempt/attempt';
import type { CircuitBreakerDeps } from './attempt/circuit-breaker';
import { mailboxesOf } from './mailboxes-of';
import { createProcessEmail } from './process-email';
import type { WorkerConfig } from './config';
import { startHeartbeat } from './heartbeat';
import { permissionOf } from './queue-permission';
import { createReport, type Report } from './report';
import { openResources, type Resources } from './resources';
import { startUpkeep } from './upkeep/upkeep';
import { createVerify } from './verify-transport';
import { createWorkerMetrics, type WorkerMetrics } from './telemetry/worker-metrics';

export interface RunningWorker {
  lifecycle: Lifecycle;
  fleet: Dispatcher;
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

/** For administrators, beside the log of this process: a transport went down or is up again. */
const tellTransport =
  (report: Report, audit: Audit): CircuitBreakerDeps['onTransport'] =>
  (id, change, why) => {
    report.transport(id, change, why);
    if (change !== 'opened' && change !== 'closed') return;
    const [tenant = '', target = ''] = id.split('/');
    const what = change === 'opened' ? `transport down: ${why}` : 'transport up';
    audit.record({ by: 'the service', what, tenant, target }).catch(report.unrecorded);
  };

/** What the parts of a worker have in common while it is started. */
interface Starting {
  resources: Resources;
  config: WorkerConfig;
  log: Log;
  bounds: Bounds;
  lifecycle: Lifecycle;
  connections: Connections;
  durably: Durably;
  counts: WorkerMetrics;
}

const createDispatcher = (starting: Starting, subscriber: Redis): Dispatcher => {
  const { resources, config, log, bounds, connections, durably } = starting;
  const { redis, clock } = resources;
  const report = starting.counts.counted(createReport(log));
  const deps: AttemptDeps = {
    ...resources,
    durably,
    breakers: createBreakers({ redis, clock, replica: config.replica, listening: resources.listening }),
    onCrowded: report.crowded,
    onTransport: tellTransport(report, createAudit({ redis, clock })),
    sendMessage: createSendMessage(connections, bounds.steps),
    tookStep: starting.counts.tookStep,
    settingsOf: ({ queue, email }) => resources.tenants.settings(queue.address, email),
  };
  return new Dispatcher({
    ...resources,
    subscriber,
    log,
    concurrency: config.concurrency,
    waiting: config.waiting,
    maxOpen: config.maxOpenQueues,
    attemptMs: bounds.attempt,
    replica: config.replica,
    permission: (address) => permissionOf(resources, address),
    admit: (address) => admitQueue(resources, address),
    onRecovered: report.recovered,
    work: createProcessEmail({
      attempt: (lease, admission) => runAttempt(deps, lease, admission),
      settle: createSettle({
        ...resources,
        random: Math.random,
        ...(config.retries && { leastBackoff: config.retries.leastBackoff }),
      }),
      report,
      clock,
      dropContents: ({ queue, id, email }) =>
        resources.refs.release(queue.address, id, contentIdsOf(email), resources.content.remove),
      memory: createMemory(redis, config.memoryShare ?? 1),
    }),
  });
};

/** What a worker does beside sending: it verifies transports for the API, and takes its turn in the upkeep. */
const startSideWork = (starting: Starting, orders: Redis): void => {
  const { resources, config, log, bounds, lifecycle, connections, counts } = starting;
  const verify = createVerify({ ...resources, connections, patience: bounds.attempt });
  lifecycle.add({ name: 'orders', stop: answerVerifyRequests({ waiting: orders, verify }) });
  startUpkeep({
    ...resources,
    sendMessage: createSendMessage(connections, bounds.steps),
    log,
    removal: createRemoveEmail(resources),
    removeContent: resources.content.remove,
    settingsOf: (queue, email) => resources.tenants.settings(queue.address, email),
    replica: config.replica,
    lifecycle,
    onExpired: counts.expired,
    bounceMailboxes: mailboxesOf(resources, config, log),
  });
};

/** Last, so that it stops first: emails in work have the whole grace, whatever else takes its time. */
const startSending = async (starting: Starting, subscriber: Redis): Promise<Dispatcher> => {
  const { resources, config, log, lifecycle } = starting;
  const fleet = createDispatcher(starting, subscriber);
  const { redis, clock } = resources;
  const stopHeartbeat = await startHeartbeat({ redis, log, config, startedAt: clock.now(), dispatcher: fleet });
  lifecycle.add({ name: 'heartbeat', stop: stopHeartbeat });
  lifecycle.add({ name: 'fleet', stop: (left) => fleet.stop(left) });
  fleet.start();
  return fleet;
};

/** Before anything is taken: whoever restores a backup looks first, then resumes. */
const pauseWhereNeeded = async (start: Start, resources: Resources, config: WorkerConfig): Promise<void> => {
  const { redis, log } = start;
  const audit = createAudit(resources);
  if (config.startPaused) await untilDone(start, () => startPaused(resources.installation, audit, log));
  const check = (): Promise<void> => checkEpoch({ ...resources, audit, log });
  await untilDone(start, check);
  // A Redis that was away may come back with other data. Where it cannot be asked, upkeep asks again.
  redis.on('ready', () => void check().catch((error: unknown) => log.warn({ error }, 'the epoch was not compared')));
};

/**
 * Waits for Redis as long as it takes.
 * @param lifecycle stops what has been started so far, also before this has returned
 * @param metrics what is told to Prometheus
 * @throws UnusableRedis where a person must change something, as where another version of the service wrote what Redis holds
 */
export const startWorker = async (
  config: WorkerConfig,
  log: Log,
  bounds = BOUNDS,
  lifecycle: Lifecycle = createLifecycle({ log, grace: config.grace }),
  metrics: Metrics = createMetrics('worker'),
): Promise<RunningWorker> => {
  const { redisUrl: url, redisSecrets: secrets } = config;
  const connect = (
    name: string,
    { patience = 'wait', listens = false }: { patience?: Patience; listens?: boolean } = {},
  ) => {
    const redis = connectRedis({ url, secrets, patience, name: `worker:${name}`, listens, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  lifecycle.add({ name: 'loop delay', stop: watchLoopDelay(log, metrics.loopDelay) });
  const redis = connect('main');
  const subscriber = connect('subscriber', { listens: true });
  const start = { redis, log, ended: () => lifecycle.stopping };
  await claimRedis(start);

  const choice = config.durability;
  // Who hands a message over does not wait for a connection that is away.
  const open = (): Redis => connect('durability', { patience: 'fail-fast' });
  const { durably, problem, requireFit } = createDurability({ choice, main: redis, open });
  await untilDone(start, requireFit);

  const resources = await openResources(config, lifecycle, redis, subscriber, log);
  for (const { text } of await resources.content.problems())
    log.error({ problem: text }, 'contents cannot be kept or read now');
  await pauseWhereNeeded(start, resources, config);
  const connections = createConnections({
    name: config.name,
    bounds: bounds.steps,
    sockets: resources.limits.sockets,
    mayReach: createAddressRule(config.allowPrivateSmtp),
  });
  lifecycle.add({ name: 'smtp connections', stop: () => connections.close() });
  const { clock } = resources;
  const { concurrency, metricsTenants: tenants = false } = config;
  const counts = createWorkerMetrics({ metrics, redis, clock, concurrency, tenants });
  const starting: Starting = { resources, config, log, bounds, lifecycle, connections, durably, counts };
  startSideWork(starting, connect('orders'));
  const fleet = await startSending(starting, subscriber);
  counts.tellPlaces(fleet);
  log.info({ replica: config.replica, concurrency: config.concurrency }, 'worker ready');
  return {
    lifecycle,
    fleet,
    problems: async () => {
      const [ofRedis, notDurable, ofContent, ofSecrets] = await Promise.all([
        redisProblems(redis),
        problem(),
        resources.content.problems(),
        missingSecretKeys(redis, resources.secrets),
      ]);
      return [...ofRedis, notDurable ?? [], ...ofContent.map(({ text }) => text), ...ofSecrets.problems].flat();
    },
  };
};
