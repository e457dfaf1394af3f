// What needs somebody now: what is paused, down or late, and whether anybody works. Each is a bounded look, however many queues there are.
import { parseQueueName, type QueueAddress } from '../../mail/address/queue-address';
import type { Queues } from '../../jobs/layout/queues';
import { readOldestDue } from '../../jobs/read/oldest-due';
import type { Schedule } from '../../jobs/layout/schedule';
import type { Clock } from '../../runtime/clock';
import type { BreakerState, Breakers } from '../../store/limits/breaker';
import type { Installation, InstallationPause, PauseNote } from '../../store/registries/installation';
import type { Tenants } from '../../store/registries/tenants';
import type { Workers } from '../../store/registries/workers';
import { redisProblems, type Redis } from '../../store/redis/redis';
import { readStanding } from '../../store/redis/standing-index';

export interface NeedsDeps {
  redis: Redis;
  clock: Clock;
  tenants: Tenants;
  queues: Queues;
  schedule: Schedule;
  breakers: Breakers;
  workers: Workers;
  installation: Installation;
}

export type DownTransport = BreakerState & { tenant: string; transport: string };
/** Of a queue that was paused before notes were kept nobody knows who did it. */
export type PausedQueue = QueueAddress & { pause?: PauseNote };
/** `oldestDueAt`: since when its oldest email is due, ms since 1970; `due`: how many are. */
export type LateQueue = QueueAddress & { oldestDueAt: number; due: number };

export interface Needs {
  /** The whole installation is paused. */
  pause?: PauseNote;
  /** How many run. */
  workers: number;
  /** What is wrong with Redis, in words. */
  redis: string[];
  /** Down the longest first. */
  transports: DownTransport[];
  paused: PausedQueue[];
  /** Late the longest first. */
  late: LateQueue[];
  /** Since when the oldest email is due that no worker has taken, ms since 1970; late or not. */
  oldestDueAt?: number;
}

/** How many of each are looked at. */
const MOST = 100;
/** An email that was due before that and is not taken yet is late. ms */
const LATE_MS = 60_000;

type Reach = (place: { tenant: string; application?: string }) => boolean;

const downTransport = async (breakers: Breakers, name: string): Promise<DownTransport | undefined> => {
  const [tenant = '', transport = ''] = name.split('/');
  const state = await breakers.read(tenant, transport);
  return state && { tenant, transport, ...state };
};

const pausedQueue = async (tenants: Tenants, name: string): Promise<PausedQueue | undefined> => {
  const address = parseQueueName(name);
  const queue = address && (await tenants.queue(address));
  if (address === undefined || queue?.settings.enabled !== false) return undefined;
  return { ...address, ...(queue.paused && { pause: queue.paused }) };
};

/** Of the queues that have waited longest for a worker: those that have emails due, longest first. */
const dueQueues = async ({ redis, queues, schedule }: NeedsDeps, reaches: Reach, now: number): Promise<LateQueue[]> => {
  const { queues: names } = await schedule.look(MOST, 0);
  const found = await Promise.all(
    names.map(async (name): Promise<LateQueue | undefined> => {
      const address = parseQueueName(name);
      if (address === undefined || !reaches(address)) return undefined;
      const due = await readOldestDue(redis, queues.open(address), now);
      return due && { ...address, oldestDueAt: due.since, due: due.count };
    }),
  );
  return found.flatMap((one) => one ?? []).sort((a, b) => a.oldestDueAt - b.oldestDueAt);
};

/** Its reason says it. */
const withoutDoubt = ({ by, at, reason }: InstallationPause): PauseNote => ({
  by,
  at,
  ...(reason !== undefined && { reason }),
});

/** @param reaches what whoever asks may see */
export const readNeeds = async (deps: NeedsDeps, reaches: Reach): Promise<Needs> => {
  const { redis, clock, tenants, breakers, workers, installation } = deps;
  const now = clock.now();
  const look = { most: MOST, now };
  const [pause, running, problems, down, paused, due] = await Promise.all([
    installation.pauseNote().then((note) => note && withoutDoubt(note)),
    workers.list(),
    redisProblems(redis),
    readStanding(redis, 'down', look, (name) => downTransport(breakers, name)),
    readStanding(redis, 'paused', look, (name) => pausedQueue(tenants, name)),
    dueQueues(deps, reaches, now),
  ]);
  return {
    ...(pause && { pause }),
    workers: running.length,
    redis: problems,
    transports: down.filter(({ tenant }) => reaches({ tenant })).sort((a, b) => a.since - b.since),
    paused: paused.filter(reaches),
    late: due.filter(({ oldestDueAt }) => oldestDueAt <= now - LATE_MS),
    ...(due[0] && { oldestDueAt: due[0].oldestDueAt }),
  };
};
