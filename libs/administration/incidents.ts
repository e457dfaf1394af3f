// Incidents: emails that stand unsent for the same reason, over all queues that somebody may see.
import type { Cause } from '../mail/email/cause';
import type { QueueAddress } from '../mail/address/queue-address';
import { readCausesOf, type CauseInQueue } from '../jobs/read/by-cause';
import { queuesWithCauses } from '../jobs/traces/cause-index';
import type { Redis } from '../store/redis/redis';

export interface Incident {
  /** The same as long as the cause is: also when all its emails were mended, and others follow. */
  id: string;
  cause: Cause;
  /** Emails that stand in it now. */
  count: number;
  /** ms since 1970 */
  firstAt: number;
  lastAt: number;
  /** By name; those with the most emails, where there are very many. */
  tenants: string[];
  /** `tenant/application`, likewise. */
  queues: string[];
  /** The newest emails. */
  examples: (QueueAddress & { id: string })[];
}

const EXAMPLES = 5;
/** Names that an incident has at most. */
const MOST_NAMES = 100;
/** Queues that are asked at once. */
const AT_ONCE = 1_000;

type Found = CauseInQueue & { queue: QueueAddress };

const namesOf = (found: Found[], nameOf: (queue: QueueAddress) => string): string[] =>
  [...new Set(found.map(({ queue }) => nameOf(queue)))].slice(0, MOST_NAMES).sort();

const incidentOf = (id: string, cause: Cause, found: Found[]): Incident => {
  const most = [...found].sort((a, b) => b.count - a.count);
  const examples = found.flatMap(({ queue, examples }) => examples.map((email) => ({ ...queue, id: email })));
  return {
    id,
    cause,
    count: found.reduce((sum, { count }) => sum + count, 0),
    firstAt: Math.min(...found.map(({ firstAt }) => firstAt)),
    lastAt: Math.max(...found.map(({ lastAt }) => lastAt)),
    tenants: namesOf(most, ({ tenant }) => tenant),
    queues: namesOf(most, ({ tenant, application }) => `${tenant}/${application}`),
    // Ids sort by time.
    examples: examples.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, EXAMPLES),
  };
};

/** Most emails first, then the latest. */
const byCount = (a: Incident, b: Incident): number =>
  b.count - a.count || b.lastAt - a.lastAt || (a.id < b.id ? -1 : 1);

/** @returns the incidents that these causes are, most emails first */
export const groupCauses = (all: Found[]): Incident[] => {
  const byName = new Map<string, Found[]>();
  for (const one of all) {
    const found = byName.get(one.name) ?? [];
    byName.set(one.name, found);
    found.push(one);
  }
  return [...byName]
    .flatMap(([id, found]) => (found[0] === undefined ? [] : [incidentOf(id, found[0].cause, found)]))
    .sort(byCount);
};

/** @returns the incidents of these queues, most emails first */
export const incidentsOf = async (redis: Redis, queues: QueueAddress[]): Promise<Incident[]> => {
  const all: Found[] = [];
  for (let from = 0; from < queues.length; from += AT_ONCE) {
    const some = queues.slice(from, from + AT_ONCE);
    const read = await Promise.all(some.map((queue) => readCausesOf(redis, queue, EXAMPLES)));
    for (const [index, causes] of read.entries()) {
      const queue = some[index];
      if (queue === undefined) continue;
      all.push(...causes.map((cause) => ({ ...cause, queue })));
    }
  }
  return groupCauses(all);
};

/** The incidents of all queues that somebody may see. */
export const incidentsWithin = async (redis: Redis, isReached: (queue: QueueAddress) => boolean): Promise<Incident[]> =>
  incidentsOf(redis, (await queuesWithCauses(redis)).filter(isReached));
