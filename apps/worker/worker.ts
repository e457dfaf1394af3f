// A worker: everything it is made of, put together; started and stopped as one.
import { createAudit, type Audit } from '../../libs/events/audit';
import { Dispatcher } from '../../libs/dispatch/dispatcher';
import { answerVerifyRequests } from '../../libs/internal-queues/verify-requests';
import { createRemoval } from '../../libs/jobs/transitions/removal';
import { createSettle } from '../../libs/dispatch/settle';
import { createLifecycle, type Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createConnections, type Connections } from '../../libs/send/smtp/connections';
import { createHandOver } from '../../libs/send/smtp/hand-over';
import { STEP_BOUNDS, type StepBounds } from '../../libs/send/smtp/step-bounds';
import { startPaused } from '../../libs/events/start-paused';
import { createBreakers } from '../../libs/store/limits/breaker';
import { claimRedis } from '../../libs/store/redis/claim-redis';
import { connectRedis, redisProblems, type Redis } from '../../libs/store/redis/redis';
import { admit, permissionOf } from './by-settings';
import type { WorkerConfig } from './config';
import { createDeliver } from './deliver';
import { createReport, type Report } from './report';
import { openRooms, type Rooms } from './rooms';
import { createSendEmail } from './send-email';
import { giveSigns } from './signs';
import type { TransportDeps } from './through-transport';
import { createVerify } from './verify';
import { startUpkeep } from './upkeep';
import { createWork } from './work';

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
  (report: Report, audit: Audit): TransportDeps['onTransport'] =>
  (id, change, why) => {
    report.transport(id, change, why);
    if (change !== 'opened' && change !== 'closed') return;
    const [tenant = '', target = ''] = id.split('/');
    const what = change === 'opened' ? `transport down: ${why}` : 'transport up';
    audit.record({ by: 'the service', what, tenant, target }).catch(report.unrecorded);
  };

const createDispatcher = (
  rooms: Rooms,
  config: WorkerConfig,
  { log, bounds, subscriber, connections }: { log: Log; bounds: Bounds; subscriber: Redis; connections: Connections },
): Dispatcher => {
  const { redis, clock } = rooms;
  const report = createReport(log);
  const deliver = createDeliver({
    ...rooms,
    breakers: createBreakers({ redis, clock, replica: config.replica }),
    onCrowded: report.crowded,
    onTransport: tellTransport(report, createAudit({ redis, clock })),
    sendEmail: createSendEmail({ redis, clock, handOver: createHandOver(connections, bounds.steps) }),
    settingsOf: ({ queue, email }) => rooms.tenants.settings(queue.address, email),
  });
  const settle = createSettle({ ...rooms, random: Math.random });
  return new Dispatcher({
    ...rooms,
    subscriber,
    log,
    concurrency: config.concurrency,
    waiting: config.waiting,
    maxOpen: config.maxOpenQueues,
    attemptMs: bounds.attempt,
    replica: config.replica,
    permission: (address) => permissionOf(rooms, address),
    admit: (address) => admit(rooms, address),
    work: createWork({ deliver, settle, report, clock }),
  });
};

/**
 * Waits for Redis as long as it takes.
 * @param lifecycle stops what has been started so far, also before this has returned
 * @throws OtherFormat where another version of the service wrote what Redis holds
 */
export const startWorker = async (
  config: WorkerConfig,
  log: Log,
  bounds = BOUNDS,
  lifecycle: Lifecycle = createLifecycle({ log, grace: config.grace }),
): Promise<RunningWorker> => {
  const connect = (name: string) => {
    const redis = connectRedis({ url: config.redisUrl, patience: 'wait', name: `worker:${name}`, log });
    lifecycle.add({ name: `redis ${name}`, stop: () => redis.disconnect() });
    return redis;
  };
  const redis = connect('main');
  const subscriber = connect('subscriber');
  await claimRedis({ redis, log, ended: () => lifecycle.stopping });

  const rooms = await openRooms(config, lifecycle, redis, subscriber, log);
  for (const { text } of await rooms.content.problems())
    log.error({ problem: text }, 'contents cannot be kept or read now');
  // Before anything is taken: whoever restores a backup looks first, then resumes.
  if (config.startPaused && !lifecycle.stopping) await startPaused(rooms.installation, createAudit(rooms), log);
  const connections = createConnections({
    name: config.name,
    bounds: bounds.steps,
    sockets: rooms.limits.sockets,
  });
  lifecycle.add({ name: 'smtp connections', stop: () => connections.close() });
  const stopOrders = answerVerifyRequests({
    waiting: connect('orders'),
    verify: createVerify({ ...rooms, connections, patience: bounds.attempt }),
  });
  lifecycle.add({ name: 'orders', stop: stopOrders });
  startUpkeep({
    ...rooms,
    log,
    removal: createRemoval(rooms),
    removeContent: rooms.content.remove,
    settingsOf: (queue, email) => rooms.tenants.settings(queue.address, email),
    replica: config.replica,
    lifecycle,
  });
  // Last, so that it stops first: emails in work have the whole grace, whatever else takes its time.
  const fleet = createDispatcher(rooms, config, { log, bounds, subscriber, connections });
  const stopSigns = await giveSigns({ redis, log, config, startedAt: rooms.clock.now(), fleet });
  lifecycle.add({ name: 'signs of life', stop: stopSigns });
  lifecycle.add({ name: 'fleet', stop: (left) => fleet.stop(left) });
  fleet.start();
  log.info({ replica: config.replica, concurrency: config.concurrency }, 'worker ready');
  return {
    lifecycle,
    fleet,
    problems: async () => {
      const [ofRedis, ofContent] = await Promise.all([redisProblems(redis), rooms.content.problems()]);
      return [...ofRedis, ...ofContent.map(({ text }) => text)];
    },
  };
};
