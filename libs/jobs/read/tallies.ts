// Reads what was counted of a queue, by hour or by day.
import type { QueueAddress } from '../../mail/address/queue-address';
import { queueKeys } from '../../store/redis/keys';
import type { Redis } from '../../store/redis/redis';
import { DAYS, HOURS, LATENCY_BOUNDS, LATENCY_SUM, TALLIES, talliesKey, type Tallied } from '../traces/tallies';

export type Counts = Record<Tallied, number> & {
  /** From due to sent, of those of which that is known: the sum in ms, and how many by bound, the last beyond all. */
  latencySum: number;
  latencies: number[];
};

/** What was counted in one span, with one transport: '' where that was not known yet. */
export interface Counted {
  /** ms since 1970 */
  at: number;
  transport: string;
  counts: Counts;
}

export const noCounts = (): Counts => ({
  accepted: 0,
  sent: 0,
  failed: 0,
  deferred: 0,
  expired: 0,
  canceled: 0,
  uncertain: 0,
  latencySum: 0,
  latencies: Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0),
});

const SPANS = { hour: HOURS, day: DAYS } as const;
export type By = keyof typeof SPANS;

/** The beginning of the span in which a time lies. ms since 1970, both */
export const beginningOf = (by: By, at: number): number => Math.floor(at / SPANS[by].ms) * SPANS[by].ms;

const LETTERS = new Map(Object.entries(TALLIES).map(([what, letter]) => [letter as string, what as Tallied]));
/** With a colon: as earlier versions counted, who counted it as sent beside. */
const FIELD = /^(\d+)(?:([a-z])|(\d)([;:]))(.*)$/;

const addTo = (counts: Counts, letter: string, count: number): void => {
  const what = LETTERS.get(letter);
  if (what !== undefined) counts[what] += count;
  else if (letter === LATENCY_SUM) counts.latencySum += count;
};

const addLatencies = (
  counts: Counts,
  { bucket, count, areSent }: { bucket: number; count: number; areSent: boolean },
): void => {
  counts.latencies[bucket] = (counts.latencies[bucket] ?? 0) + count;
  if (areSent) counts.sent += count;
};

/** @param since ms since 1970, from the span that it lies in; until before `until` */
export const readTallies = async (
  redis: Redis,
  address: QueueAddress,
  { by, since, until }: { by: By; since: number; until: number },
): Promise<Counted[]> => {
  const { ms, each } = SPANS[by];
  const [first, last] = [Math.floor(since / ms), Math.ceil(until / ms) - 1];
  const { bull } = queueKeys(address);
  const reads: Promise<Record<string, string>>[] = [];
  for (let chunk = Math.floor(first / each); chunk <= Math.floor(last / each); chunk++)
    reads.push(redis.hgetall(bull + talliesKey(SPANS[by], chunk * each)));
  const found = new Map<string, Counted>();
  for (const hash of await Promise.all(reads)) {
    for (const [field, count] of Object.entries(hash)) {
      const [, digits = '', letter, bucket, mark, transport = ''] = FIELD.exec(field) ?? [];
      const span = Number(digits);
      if (span < first || span > last) continue;
      const name = `${span} ${transport}`;
      const counted = found.get(name) ?? { at: span * ms, transport, counts: noCounts() };
      found.set(name, counted);
      if (letter !== undefined) addTo(counted.counts, letter, Number(count));
      else addLatencies(counted.counts, { bucket: Number(bucket), count: Number(count), areSent: mark === ';' });
    }
  }
  return [...found.values()];
};
