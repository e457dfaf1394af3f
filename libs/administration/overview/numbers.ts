// The numbers of every queue: what waits, what is due, and what was sent and failed in each of the last 24 hours.
import type { QueueAddress } from '../../mail/address/queue-address';
import type { Queues } from '../../jobs/layout/queues';
import { readStatus, type QueueCounts } from '../../jobs/read/counts';
import { beginningOf, readTallies } from '../../jobs/read/tallies';
import { readCausesOf, type CauseInQueue } from '../../jobs/read/by-cause';
import { queuesWithCauses } from '../../jobs/traces/cause-index';
import { allQueues } from '../../store/redis/all-queues';
import type { Redis } from '../../store/redis/redis';

const HOUR_MS = 3_600_000;
export const HOURS_SHOWN = 24;
/** Queues that are asked at once: few, so that who asks something else meanwhile hardly waits. */
const AT_ONCE = 25;
const NAMES_AT_ONCE = 1_000;

export interface QueueNumbers extends QueueAddress {
  counts: QueueCounts;
  paused: boolean;
  /** By hour, the present one last. */
  sent: number[];
  failed: number[];
}

const none = (): number[] => new Array<number>(HOURS_SHOWN).fill(0);

/** @param now ms since 1970 */
const numbersOf = async (redis: Redis, queues: Queues, address: QueueAddress, now: number): Promise<QueueNumbers> => {
  const since = beginningOf('hour', now) - (HOURS_SHOWN - 1) * HOUR_MS;
  const [{ counts, paused }, tallies] = await Promise.all([
    readStatus(redis, queues.open(address), now),
    readTallies(redis, address, { by: 'hour', since, until: now + 1 }),
  ]);
  const [sent, failed] = [none(), none()];
  for (const { at, counts: counted } of tallies) {
    const hour = Math.round((at - since) / HOUR_MS);
    sent[hour] = (sent[hour] ?? 0) + counted.sent;
    failed[hour] = (failed[hour] ?? 0) + counted.failed;
  }
  return { ...address, counts, paused, sent, failed };
};

/** Those of all queues of the installation; a thousand take about a tenth of a second. */
export const readAllNumbers = async (redis: Redis, queues: Queues, now: () => number): Promise<QueueNumbers[]> => {
  const all: QueueNumbers[] = [];
  for await (const some of allQueues(redis, NAMES_AT_ONCE)) {
    for (let from = 0; from < some.length; from += AT_ONCE) {
      const portion = some.slice(from, from + AT_ONCE);
      all.push(...(await Promise.all(portion.map((address) => numbersOf(redis, queues, address, now())))));
    }
  }
  return all;
};

const EXAMPLES = 1;

/** Causes of all queues that have some. */
export const readAllCauses = async (redis: Redis): Promise<(CauseInQueue & { queue: QueueAddress })[]> => {
  const queues = await queuesWithCauses(redis);
  const all: (CauseInQueue & { queue: QueueAddress })[] = [];
  for (let from = 0; from < queues.length; from += AT_ONCE) {
    const portion = queues.slice(from, from + AT_ONCE);
    const read = await Promise.all(portion.map((queue) => readCausesOf(redis, queue, EXAMPLES)));
    portion.forEach((queue, index) => all.push(...(read[index] ?? []).map((cause) => ({ ...cause, queue }))));
  }
  return all;
};
