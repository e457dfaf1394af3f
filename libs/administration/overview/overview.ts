// How the installation stands, within what somebody may see: what needs a person, why emails stand unsent, and the numbers.
import type { Identity } from '../../mail/settings/api-key';
import { reaches } from '../../mail/settings/api-key';
import type { QueueAddress } from '../../mail/address/queue-address';
import { STATES } from '../../mail/email/state';
import type { QueueCounts } from '../../jobs/read/counts';
import { groupCauses, type Incident } from '../incidents';
import { HOURS_SHOWN, readAllCauses, readAllNumbers, type QueueNumbers } from './numbers';
import { readNeeds, type DownTransport, type Needs, type NeedsDeps } from './needs';
import { shareReading } from './shared-reading';

/** Numbers of a tenant, of a queue, or of all. */
export interface Numbers {
  /** Waiting for a time of their own or for another attempt; waiting for a worker; in work. */
  waiting: number;
  due: number;
  sending: number;
  /** Sent or not and nobody knows: a person decides. */
  uncertain: number;
  failed: number;
  /** By hour, the present one last. */
  sentByHour: number[];
  failedByHour: number[];
}

export interface Overview {
  needs: Omit<Needs, 'transports'> & {
    /** `waiting`: emails of the queues that send over it; undefined where they are being counted for the first time. */
    transports: (DownTransport & { waiting?: number })[];
  };
  /** Most emails first. Undefined where they are being read for the first time. */
  incidents?: Incident[];
  /** Undefined likewise. */
  numbers?: {
    /** When they were counted, ms since 1970. */
    at: number;
    /** After how many ms newer ones can be had; 0 where these are of this moment. */
    newerIn: number;
    total: Numbers;
    /** Emails by state, of all. */
    states: QueueCounts;
    /** Of each tenant, or of each queue where a key has a tenant: those with the most emails first. */
    rows: ({ tenant: string; application?: string } & Numbers)[];
  };
}

export type ReadOverview = (identity: Identity) => Promise<Overview>;

/** Whoever asks waits for numbers at most so long; older ones are shown then. ms */
const PATIENCE_MS = 30;

const noNumbers = (): Numbers => ({
  waiting: 0,
  due: 0,
  sending: 0,
  uncertain: 0,
  failed: 0,
  sentByHour: new Array<number>(HOURS_SHOWN).fill(0),
  failedByHour: new Array<number>(HOURS_SHOWN).fill(0),
});

const addTo = (sum: Numbers, { counts, sent, failed }: QueueNumbers): void => {
  sum.waiting += counts.scheduled + counts.deferred;
  sum.due += counts.queued;
  sum.sending += counts.sending;
  sum.uncertain += counts.uncertain;
  sum.failed += counts.failed;
  for (let hour = 0; hour < HOURS_SHOWN; hour++) {
    sum.sentByHour[hour] = (sum.sentByHour[hour] ?? 0) + (sent[hour] ?? 0);
    sum.failedByHour[hour] = (sum.failedByHour[hour] ?? 0) + (failed[hour] ?? 0);
  }
};

const sumOf = (numbers: number[]): number => numbers.reduce((sum, one) => sum + one, 0);
const weightOf = ({ waiting, due, sending, sentByHour, failedByHour }: Numbers): number =>
  waiting + due + sending + sumOf(sentByHour) + sumOf(failedByHour);

const numbersWithin = (all: QueueNumbers[], { tenant: own }: Identity, isReached: (queue: QueueAddress) => boolean) => {
  const total = noNumbers();
  const states = Object.fromEntries(STATES.map((state) => [state, 0])) as QueueCounts;
  const rows = new Map<string, { tenant: string; application?: string } & Numbers>();
  for (const queue of all.filter(isReached)) {
    const { tenant, application } = queue;
    const name = own === undefined ? tenant : application;
    const row = rows.get(name) ?? { tenant, ...(own !== undefined && { application }), ...noNumbers() };
    rows.set(name, row);
    addTo(row, queue);
    addTo(total, queue);
    for (const state of STATES) states[state] += queue.counts[state];
  }
  const heaviest = [...rows].sort(([a, one], [b, other]) => weightOf(other) - weightOf(one) || (a < b ? -1 : 1));
  return { total, states, rows: heaviest.map(([, row]) => row) };
};

/** How many emails wait in the queues that send over a transport; those that name one themselves count where their queue does. */
const waitingFor = async (
  { tenants }: NeedsDeps,
  { tenant, transport }: DownTransport,
  all: QueueNumbers[],
): Promise<number> => {
  const waits = all.filter(({ counts, ...queue }) => queue.tenant === tenant && counts.queued + counts.deferred > 0);
  const over = await Promise.all(waits.map(async (queue) => (await tenants.settings(queue)).transport === transport));
  return waits.reduce((sum, { counts }, index) => sum + (over[index] ? counts.queued + counts.deferred : 0), 0);
};

/** Of the same numbers, those who see the same are told the same: they are added up once. */
const createWithin = () => {
  const known = new WeakMap<QueueNumbers[], Map<string, ReturnType<typeof numbersWithin>>>();
  return (all: QueueNumbers[], identity: Identity): ReturnType<typeof numbersWithin> => {
    const byReach = known.get(all) ?? new Map<string, ReturnType<typeof numbersWithin>>();
    known.set(all, byReach);
    const reach = `${identity.role === 'operator'} ${identity.tenant ?? ''} ${identity.application ?? ''}`;
    const found = byReach.get(reach) ?? numbersWithin(all, identity, (queue) => reaches(identity, queue));
    byReach.set(reach, found);
    return found;
  };
};

export const createOverview = (deps: NeedsDeps): ReadOverview => {
  const { redis, queues, clock } = deps;
  const readNumbers = shareReading(() => readAllNumbers(redis, queues, () => clock.now()), clock.now);
  const readCauses = shareReading(() => readAllCauses(redis), clock.now);
  const within = createWithin();
  return async (identity) => {
    const isReached = (place: { tenant: string; application?: string }): boolean => reaches(identity, place);
    const [needs, causes, numbers] = await Promise.all([
      readNeeds(deps, isReached),
      readCauses(PATIENCE_MS),
      readNumbers(PATIENCE_MS),
    ]);
    const transports = await Promise.all(
      needs.transports.map(async (one) => ({
        ...one,
        ...(numbers && { waiting: await waitingFor(deps, one, numbers.value) }),
      })),
    );
    return {
      needs: { ...needs, transports },
      ...(causes && { incidents: groupCauses(causes.value.filter(({ queue }) => isReached(queue))) }),
      ...(numbers && {
        numbers: { at: numbers.at, newerIn: numbers.newerIn, ...within(numbers.value, identity) },
      }),
    };
  };
};
