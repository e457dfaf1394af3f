// Statistics: how many emails came, were sent and failed, in which hour or day, by queue, transport or tenant.
import { Problem } from '../mail/input/problem';
import type { QueueAddress } from '../mail/address/queue-address';
import { beginningOf, noCounts, readTallies, type By, type Counts } from '../jobs/read/tallies';
import type { Redis } from '../store/redis/redis';

export const GROUPS = ['queue', 'transport', 'tenant'] as const;
export type Group = (typeof GROUPS)[number];

export interface StatisticsRow {
  /** When the hour or day begins, ms since 1970. */
  at: number;
  tenant?: string;
  application?: string;
  /** '' of what was accepted: over which one it will be sent is decided then. */
  transport?: string;
  counts: Counts;
}

/** Rows of an answer at most. */
const MOST_ROWS = 10_000;
/** Queues that are asked at once. */
const AT_ONCE = 50;

const placeOf = (group: Group | undefined, { tenant, application }: QueueAddress, transport: string) => {
  if (group === 'queue') return { tenant, application };
  if (group === 'transport') return { tenant, transport };
  return group === 'tenant' ? { tenant } : {};
};

const addUp = (sum: Counts, more: Counts): void => {
  for (const name of Object.keys(sum) as (keyof Counts)[]) if (name !== 'latencies') sum[name] += more[name];
  sum.latencies = sum.latencies.map((count, index) => count + (more.latencies[index] ?? 0));
};

/**
 * @param asked times in ms since 1970
 * @returns what was counted, oldest first; hours and days in which nothing happened are left out
 * @throws Problem `too-many-rows`
 */
export const statisticsOf = async (
  redis: Redis,
  queues: QueueAddress[],
  asked: { by: By; since: number; until: number; group?: Group | undefined },
): Promise<StatisticsRow[]> => {
  const rows = new Map<string, StatisticsRow>();
  for (let from = 0; from < queues.length; from += AT_ONCE) {
    const some = queues.slice(from, from + AT_ONCE);
    const read = await Promise.all(some.map((queue) => readTallies(redis, queue, asked)));
    for (const [index, queue] of some.entries()) {
      for (const { at, transport, counts } of read[index] ?? []) {
        const place = placeOf(asked.group, queue, transport);
        const name = [at, ...Object.values(place)].join('|');
        const row = rows.get(name) ?? { at, ...place, counts: noCounts() };
        rows.set(name, row);
        addUp(row.counts, counts);
      }
    }
    if (rows.size > MOST_ROWS)
      throw new Problem(
        'too-many-rows',
        `the answer would have more than ${MOST_ROWS} rows: ask for a shorter time, for days instead of hours, or for fewer groups`,
      );
  }
  return [...rows].sort(([a, one], [b, other]) => one.at - other.at || (a < b ? -1 : 1)).map(([, row]) => row);
};

/** Hours are kept for 14 days, days for a year. */
const LONGEST: Record<By, number> = { hour: 14, day: 366 };
const USUAL: Record<By, number> = { hour: 1, day: 30 };
const DAY_MS = 86_400_000;

/**
 * The time that is asked for, or the last day by hours, the last 30 days by days.
 * @param given ms since 1970, as `now`
 * @returns what lies within what is kept
 */
export const timeOf = (by: By, given: { since?: number | undefined; until?: number | undefined }, now: number) => {
  const until = Math.min(given.until ?? now + 1, now + 1);
  const since = given.since ?? until - USUAL[by] * DAY_MS;
  return { since: beginningOf(by, Math.max(since, now - LONGEST[by] * DAY_MS)), until };
};
