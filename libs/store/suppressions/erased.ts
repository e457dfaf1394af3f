// Suppressed addresses of persons who were erased: kept as keyed hashes, so that whoever complained is not written to and no list names them.
import { createHmac, randomBytes } from 'node:crypto';
import { suppressionForm, type Suppression } from '../../mail/suppressions/suppression';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import { keyIdOf, type SecretBox } from '../redis/secret-box';
import type { Changes } from '../redis/settings-cache';
import { noteSealed, type SealedOwner } from '../registries/reseal';

export interface ErasedSuppressions extends SealedOwner {
  /** How many a tenant has. */
  count(tenant: string): Promise<number>;
  /** Which of these are suppressed so. @throws SecretKeyMissing where the tenant's key cannot be opened here */
  find(
    this: void,
    tenant: string,
    addresses: readonly string[],
  ): Promise<{ address: string; suppression: Suppression }[]>;
  /**
   * Puts the hash of a suppressed address in the place of the address, unless `dryRun`. May be repeated.
   * @param before one that was put on the list later stays, ms since 1970
   * @returns whether the address was on the list
   */
  conceal(tenant: string, address: string, dryRun: boolean, before?: number): Promise<boolean>;
  remove(tenant: string, address: string): Promise<Suppression | undefined>;
}

// KEYS: the hash of records, the sorted set of their names, the hash of those erased. ARGV: the address, its keyed hash, the last time (ISO 8601) or '' for
// all times. Result: 1, or 0 where it is not on the list, or was put there later. The reason goes: it may name the person. Atomic, so that the address is suppressed all the time.
const concealOne = defineScript(`
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return 0 end
local kept = cjson.decode(record)
if ARGV[3] ~= '' and kept.at > ARGV[3] then return 0 end
kept.reason = nil
redis.call('HSET', KEYS[3], ARGV[2], cjson.encode(kept))
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`);

// KEYS: the sealed key. ARGV: the text that it must have, the new one. Result: 1, or 0 where somebody else was faster. Atomic, so that
// no process seals anew what another one has replaced.
const replaceKey = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

const place = (tenant: string): string => `tenant:${tenant}:erased-suppressions`;

/**
 * The key of the hashes is made once for a tenant and kept sealed. It is not derived from the secret keys: those change, and a hash
 * whose address nobody knows any more cannot be made anew.
 */
const createKeys = ({ redis, secrets }: { redis: Redis; secrets: SecretBox }) => {
  const keyOf = (tenant: string): string => tenantKeys(tenant).erasedKey;
  const open = (tenant: string, sealed: string): Buffer => Buffer.from(secrets.open(sealed, place(tenant)), 'base64');
  return {
    async get(tenant: string): Promise<Buffer | undefined> {
      const sealed = await redis.get(keyOf(tenant));
      return sealed === null ? undefined : open(tenant, sealed);
    },
    async made(tenant: string): Promise<Buffer> {
      const sealed = secrets.seal(randomBytes(32).toString('base64'), place(tenant));
      const isOurs = (await redis.set(keyOf(tenant), sealed, 'NX')) === 'OK';
      if (isOurs) await noteSealed(redis, [sealed]);
      return open(tenant, isOurs ? sealed : ((await redis.get(keyOf(tenant))) ?? sealed));
    },
    async reseal(tenant: string, rewrite: boolean): Promise<{ resealed: number; keys: string[] }> {
      for (;;) {
        const sealed = await redis.get(keyOf(tenant));
        if (sealed === null) return { resealed: 0, keys: [] };
        const next = rewrite && secrets.holds(sealed) ? secrets.reseal(sealed, place(tenant)) : sealed;
        if (next === sealed) return { resealed: 0, keys: [keyIdOf(sealed)] };
        if ((await replaceKey(redis, [keyOf(tenant)], [sealed, next])) === 1)
          return { resealed: 1, keys: [keyIdOf(next)] };
      }
    },
  };
};

const hashed = (key: Buffer, address: string): string =>
  createHmac('sha256', key).update(suppressionForm(address)).digest('base64url');

export const createErasedSuppressions = (deps: {
  redis: Redis;
  secrets: SecretBox;
  changes: Changes;
}): ErasedSuppressions => {
  const { redis, changes } = deps;
  const keys = createKeys(deps);

  const find: ErasedSuppressions['find'] = async (tenant, addresses) => {
    const key = addresses.length === 0 ? undefined : await keys.get(tenant);
    if (key === undefined) return [];
    const names = addresses.map((address) => hashed(key, address));
    const found = await redis.hmget(tenantKeys(tenant).erasedSuppressions, ...names);
    return addresses.flatMap((address, index) => {
      const text = found[index];
      return text ? [{ address, suppression: JSON.parse(text) as Suppression }] : [];
    });
  };

  return {
    find,
    reseal: (tenant, rewrite) => keys.reseal(tenant, rewrite),
    count: (tenant) => redis.hlen(tenantKeys(tenant).erasedSuppressions),
    async conceal(tenant, address, dryRun, before = Infinity) {
      const { suppressions, suppressedNames, erasedSuppressions } = tenantKeys(tenant);
      const form = suppressionForm(address);
      if ((await redis.hexists(suppressions, form)) === 0) return false;
      if (dryRun) return true;
      const last = before === Infinity ? '' : new Date(before).toISOString();
      const args = [form, hashed(await keys.made(tenant), form), last];
      const isDone = (await concealOne(redis, [suppressions, suppressedNames, erasedSuppressions], args)) === 1;
      await changes.announce('suppression', tenant);
      return isDone;
    },
    async remove(tenant, address) {
      const key = await keys.get(tenant);
      if (key === undefined) return undefined;
      const { erasedSuppressions } = tenantKeys(tenant);
      const found = await find(tenant, [address]);
      await redis.hdel(erasedSuppressions, hashed(key, address));
      return found[0]?.suppression;
    },
  };
};
