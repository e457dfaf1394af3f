// Which queues a list over many has to ask (libs/jobs/layout/whereabouts.ts).
import { parseQueueName, queueName, type QueueAddress } from '../../mail/address/queue-address';
import { KEYS, tenantKeys } from '../../store/redis/keys';
import { allQueues } from '../../store/redis/all-queues';
import type { Redis } from '../../store/redis/redis';
import { SEPARATOR } from '../layout/index-entries';
import { sliceBegin, sliceOf } from '../layout/whereabouts';

/** What a list is over: one queue, all of a tenant, or all. */
export interface Scope {
  tenant?: string | undefined;
  application?: string | undefined;
}

/** A queue, and when its newest email of a slice of time was accepted, or a little later; ms since 1970. */
export interface Holding {
  address: QueueAddress;
  newest: number;
}

const ENTRIES_AT_ONCE = 200;
const NAMES_AT_ONCE = 1_000;

const keyOf = ({ tenant }: Scope): string => (tenant === undefined ? KEYS.slices : KEYS.slicesOf(tenant));

/** An entry names an application under its tenant, and a queue under the installation. */
const addressOf = ({ tenant }: Scope, entry: string): QueueAddress | undefined => {
  const name = entry.slice(entry.indexOf(SEPARATOR) + 1);
  return parseQueueName(tenant === undefined ? name : queueName({ tenant, application: name }));
};

const holdingsIn = (scope: Scope, pairs: string[]): Holding[] =>
  pairs.flatMap((entry, index) => {
    const address = index % 2 === 0 ? addressOf(scope, entry) : undefined;
    return address === undefined ? [] : [{ address, newest: Number(pairs[index + 1]) }];
  });

/** Every queue of the scope. */
export const queuesOf = async (redis: Redis, { tenant, application }: Scope): Promise<QueueAddress[]> => {
  if (tenant !== undefined && application !== undefined) return [{ tenant, application }];
  if (tenant !== undefined)
    return (await redis.hkeys(tenantKeys(tenant).queues)).map((name) => ({ tenant, application: name }));
  const all: QueueAddress[] = [];
  for await (const some of allQueues(redis, NAMES_AT_ONCE)) all.push(...some);
  return all;
};

/** Is every email entered that the queues hold? Until then all queues have to be asked. */
export const isWhole = async (redis: Redis): Promise<boolean> => (await redis.exists(KEYS.whereaboutsWhole)) === 1;

/** Those with an email in the slice of a time that may be older than it: each has to be asked. @param at ms since 1970 */
export const queuesAround = async (redis: Redis, scope: Scope, at: number): Promise<QueueAddress[]> => {
  const pairs = await redis.zrangebyscore(
    keyOf(scope),
    Math.floor(at),
    `(${sliceBegin(sliceOf(at) + 1)}`,
    'WITHSCORES',
  );
  return holdingsIn(scope, pairs).map(({ address }) => address);
};

/** Those whose newest email of a slice is older than a time, the newest first; a queue comes once for each slice. */
export async function* queuesBefore(redis: Redis, scope: Scope, at: number): AsyncGenerator<Holding[]> {
  let bound = Number.isFinite(at) ? `(${Math.floor(at)}` : '+inf';
  let skip = 0;
  for (;;) {
    const pairs = await redis.zrevrangebyscore(
      keyOf(scope),
      bound,
      '-inf',
      'WITHSCORES',
      'LIMIT',
      skip,
      ENTRIES_AT_ONCE,
    );
    yield holdingsIn(scope, pairs);
    if (pairs.length < 2 * ENTRIES_AT_ONCE) return;
    // By time, not by rank: others enter queues meanwhile. Only entries of the same millisecond are counted.
    const last = pairs.at(-1) ?? '';
    skip = bound === last ? skip + ENTRIES_AT_ONCE : 0;
    bound = last;
  }
}

/** The numbers whose bits are set in all of these bitmaps. */
const numbersIn = (maps: Buffer[]): number[] => {
  const [first = Buffer.alloc(0), ...others] = maps;
  const numbers: number[] = [];
  for (const [at, byte] of first.entries()) {
    const both = others.reduce((bits, map) => bits & (map[at] ?? 0), byte);
    for (let bit = 0; both !== 0 && bit < 8; bit++) if ((both & (0x80 >> bit)) !== 0) numbers.push(at * 8 + bit);
  }
  return numbers;
};

/** The queues of a scope that may have an email with these signs; at least one. */
export const queuesWithSigns = async (
  redis: Redis,
  { tenant }: Scope,
  signs: readonly number[],
): Promise<QueueAddress[]> => {
  const maps = await redis.mgetBuffer(signs.map(KEYS.sign));
  const numbers = maps.includes(null) ? [] : numbersIn(maps.filter((map) => map !== null));
  const addresses: QueueAddress[] = [];
  for (let from = 0; from < numbers.length; from += NAMES_AT_ONCE) {
    const some = numbers.slice(from, from + NAMES_AT_ONCE).map(String);
    for (const name of await redis.hmget(KEYS.numberedQueues, ...some)) {
      const address = parseQueueName(name ?? '');
      if (address !== undefined && (tenant === undefined || tenant === address.tenant)) addresses.push(address);
    }
  }
  return addresses;
};
