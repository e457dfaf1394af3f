// The registry of suppressed addresses: whom the emails of a tenant do not go to.
import { suppressionForm, type Suppression } from '../../mail/suppressions/suppression';
import type { Bound } from '../registries/bound';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import type { Changes } from '../redis/settings-cache';
import type { ErasedSuppressions } from './erased';

export interface SuppressedAddress extends Suppression {
  /** In the form in which it is compared. */
  address: string;
}

export interface Suppressions {
  /** Also one of a person who was erased, which no list shows. */
  get(tenant: string, address: string): Promise<SuppressedAddress | undefined>;
  /** Puts one, instead of the one that is there. @throws Problem of the bound */
  put(
    tenant: string,
    address: string,
    suppression: Suppression,
    bound: Bound,
  ): Promise<{ before: Suppression | undefined; after: SuppressedAddress }>;
  /**
   * Puts those that are not there; the others stay as they are.
   * @param entries few enough for one call: a thousand or so
   * @returns how many are new, and whether the bound kept some out: those before them are in
   */
  addMissing(
    tenant: string,
    entries: { address: string; suppression: Suppression }[],
    bound: Bound,
  ): Promise<{ added: number; isFull: boolean }>;
  remove(tenant: string, address: string): Promise<Suppression | undefined>;
  /** By their names, byte by byte. @param asked.after the last one of the page before */
  list(tenant: string, asked: { prefix: string; after?: string; limit: number }): Promise<SuppressedAddress[]>;
  /** Which of these are suppressed: asks Redis not at all where the tenant has none, else once; more where persons were erased. */
  find(tenant: string, addresses: readonly string[]): Promise<{ address: string; suppression: Suppression }[]>;
}

// All three have KEYS: the hash of records, the sorted set of their names. Atomic, so that both hold the same addresses.

// ARGV: how many there may be, the address, its record. Result: the record before, '' where there was none, 0 where it is one too many.
const putOne = defineScript(`
local before = redis.call('HGET', KEYS[1], ARGV[2]) or ''
if before == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[2])
return before`);

// ARGV: how many there may be, then pairs of address and record. Result: {how many are new, 1 where there was no room for all}.
const putMissing = defineScript(`
local added = 0
local room = tonumber(ARGV[1]) - redis.call('HLEN', KEYS[1])
for index = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[index]) == 0 then
    if added >= room then return {added, 1} end
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
    redis.call('ZADD', KEYS[2], 0, ARGV[index])
    added = added + 1
  end
end
return {added, 0}`);

// ARGV: the address. Result: its record, '' where there was none.
const removeOne = defineScript(`
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return before`);

const parse = (text: unknown): Suppression | undefined =>
  typeof text === 'string' && text !== '' ? (JSON.parse(text) as Suppression) : undefined;

const keysOf = (tenant: string): [records: string, names: string] => {
  const { suppressions, suppressedNames } = tenantKeys(tenant);
  return [suppressions, suppressedNames];
};

interface SuppressionDeps {
  redis: Redis;
  changes: Changes;
  /** Undefined in a process without the secret keys: it puts addresses on the list, and asks for none. */
  erased: ErasedSuppressions | undefined;
}

/** Finds suppressed addresses, for whoever sends. That a tenant has none is remembered until somebody puts one. */
export const createSuppressionLookup = ({ redis, changes, erased }: SuppressionDeps): Pick<Suppressions, 'find'> => {
  const counts = changes.cached('suppression', async (tenant) => ({
    listed: await redis.hlen(keysOf(tenant)[0]),
    erased: (await erased?.count(tenant)) ?? 0,
  }));
  const findListed: Suppressions['find'] = async (tenant, addresses) => {
    const found = await redis.hmget(keysOf(tenant)[0], ...addresses.map(suppressionForm));
    return addresses.flatMap((address, index) => {
      const suppression = parse(found[index]);
      return suppression === undefined ? [] : [{ address, suppression }];
    });
  };
  return {
    async find(tenant, addresses) {
      if (addresses.length === 0) return [];
      const count = await counts(tenant);
      const listed = count.listed > 0 ? await findListed(tenant, addresses) : [];
      if (count.erased === 0 || erased === undefined) return listed;
      const others = addresses.filter((one) => !listed.some(({ address }) => address === one));
      return [...listed, ...(await erased.find(tenant, others))];
    },
  };
};

export const createSuppressions = (deps: SuppressionDeps): Suppressions => {
  const { redis, changes, erased } = deps;
  const announce = (tenant: string): Promise<void> => changes.announce('suppression', tenant);
  return {
    ...createSuppressionLookup(deps),
    async get(tenant, given) {
      const address = suppressionForm(given);
      const listed = parse(await redis.hget(keysOf(tenant)[0], address));
      const found = listed ?? (await erased?.find(tenant, [address]))?.[0]?.suppression;
      return found && { address, ...found };
    },
    async put(tenant, given, suppression, bound) {
      const address = suppressionForm(given);
      const answer = await putOne(redis, keysOf(tenant), [bound.most, address, JSON.stringify(suppression)]);
      if (answer === 0) throw bound.refuse();
      await announce(tenant);
      return { before: parse(answer), after: { address, ...suppression } };
    },
    async addMissing(tenant, entries, bound) {
      const pairs = entries.flatMap(({ address, suppression }) => [
        suppressionForm(address),
        JSON.stringify(suppression),
      ]);
      const [added, isFull] = (await putMissing(redis, keysOf(tenant), [bound.most, ...pairs])) as [number, number];
      if (added > 0) await announce(tenant);
      return { added, isFull: isFull === 1 };
    },
    async remove(tenant, given) {
      const listed = parse(await removeOne(redis, keysOf(tenant), [suppressionForm(given)]));
      const hidden = await erased?.remove(tenant, given);
      await announce(tenant);
      return listed ?? hidden;
    },
    async list(tenant, { prefix, after, limit }) {
      const [records, names] = keysOf(tenant);
      const from = after === undefined || after < prefix ? `[${prefix}` : `(${after}`;
      // No byte of UTF-8 is as large as 255.
      const until = Buffer.concat([Buffer.from(`[${prefix}`), Buffer.from([255])]);
      const found = await redis.zrangebylex(names, from, until, 'LIMIT', 0, limit);
      if (found.length === 0) return [];
      const texts = await redis.hmget(records, ...found);
      return found.flatMap((address, index) => {
        const suppression = parse(texts[index]);
        return suppression === undefined ? [] : [{ address, ...suppression }];
      });
    },
  };
};
