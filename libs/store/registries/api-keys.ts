// The registry of API keys: issued once, kept as hashes, compared in constant time, good only while those above them are.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isPerson, issuerOf, type ApiKeyInput, type Identity, type RateOfKey } from '../../mail/settings/api-key';
import { durationMs } from '../../mail/input/duration';
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { KEYS } from '../redis/keys';
import type { Redis } from '../redis/redis';
import type { Bound } from './bound';
import { changeRecord } from './change-record';
import type { Tenants } from './tenants';

/** A key as it is kept: no secret in it. */
export type StoredApiKey = ApiKeyInput & {
  id: string;
  hash: string;
  createdAt: string;
  /** Who issued it (`issuerOf`): a key, `operator` for the one of the configuration, a person; unknown of earlier versions' keys. */
  issuedBy?: string;
  /** The key that it goes back to (`Identity.hand`); not given where that is itself, or of keys of earlier versions. */
  hand?: string;
  /** When its tenant was made: it is no key of another tenant that has the same name later. Unknown as above. */
  tenantSince?: string;
};

export interface ApiKeys {
  /**
   * The identity behind a key, or undefined: unknown, wrong, revoked or expired all look the same. So does one that was issued by
   * a key that is.
   */
  identify(key: string): Promise<Identity | undefined>;
  /** What a session keeps of the key that began it: neither is the key, nor can it be used as one. */
  proofOf(key: string): string;
  /** The same as `identify`, for a session. @param id of the key @param proof by `proofOf`, when the session began */
  identifyAgain(id: string, proof: string): Promise<Identity | undefined>;
  /**
   * @param issuer whose key stands above it
   * @param bound of how many keys its tenant may have; none for the operator's
   * @throws Problem of the bound
   */
  issue(input: ApiKeyInput, issuer: Identity, bound: Bound | undefined): Promise<{ stored: StoredApiKey; key: string }>;
  list(): Promise<StoredApiKey[]>;
  /** Remembers that a key was used now; at most once a minute for each key and process, and nobody waits for it. */
  used(id: string): void;
  /** When each key was used last, ms since 1970, to the minute; those that never were are missing. */
  lastUses(): Promise<Map<string, number>>;
  /** Those that it issued are good for nothing from now on, unless they were handed over. */
  revoke(id: string): Promise<boolean>;
  /** The keys that it issued stand under whoever issued it from now on. */
  handOver(key: StoredApiKey): Promise<void>;
}

/** The id of the key of the configuration; it is in no registry, and never ends. */
export const OPERATOR = 'operator';
/** Keys that issue keys that issue keys: whoever wants more has lost sight of them. */
export const LONGEST_CHAIN = 20;

const FORMAT = /^rp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

// A plain hash is enough for a random secret of 256 bits: there is nothing to guess.
const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares without telling by its time where they differ. */
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

/** How often the same process writes down that a key is used, ms. */
const USED_AGAIN_MS = 60_000;

const createUses = ({ redis, clock }: Pick<ApiKeyDeps, 'redis' | 'clock'>): Pick<ApiKeys, 'used' | 'lastUses'> => {
  const known = new LRUCache<string, true>({ max: 10_000, ttl: USED_AGAIN_MS });
  return {
    used(id) {
      if (id === OPERATOR || known.has(id)) return;
      known.set(id, true);
      // What cannot be written now is with the next use after a minute.
      redis.hset(KEYS.apiKeyUses, id, clock.now()).catch(() => undefined);
    },
    async lastUses() {
      const all = await redis.hgetall(KEYS.apiKeyUses);
      return new Map(Object.entries(all).map(([id, at]) => [id, Number(at)]));
    },
  };
};

/** Thrown where a key was revoked while it was handed over. */
class KeyGone extends Error {}

/** What it goes back to below the operators: as it was when it was issued, also where those between are revoked. */
const handIn = (chain: StoredApiKey[]): string | undefined => {
  const ofTenant = chain.filter(({ role }) => role !== 'operator');
  return ofTenant.find(({ hand }) => hand !== undefined)?.hand ?? ofTenant.at(-1)?.id;
};

/** @param chain the key, whoever issued it, and so on */
const identityOf = (key: StoredApiKey, chain: StoredApiKey[]): Identity => {
  const { id, role, name, tenant, application, smtpControl } = key;
  const [expiresAt] = chain.flatMap((one) => one.expiresAt ?? []).sort((a, b) => Date.parse(a) - Date.parse(b));
  const addresses = chain.flatMap((one) => (one.addresses ? [one.addresses] : []));
  const hand = handIn(chain);
  const rates = chain.flatMap(({ id: owner, rate }): RateOfKey[] =>
    rate === undefined ? [] : [{ key: owner, max: rate.max, per: durationMs(rate.per) }],
  );
  return {
    id,
    role,
    ...(name && { name }),
    ...(tenant && { tenant }),
    ...(application && { application }),
    ...(expiresAt && { expiresAt }),
    ...(addresses.length > 0 && { addresses }),
    ...(rates.length > 0 && { rates }),
    ...(smtpControl && { smtpControl }),
    ...(hand !== undefined && { hand }),
  };
};

export interface ApiKeyDeps {
  redis: Redis;
  changes: Changes;
  clock: Clock;
  tenants: Pick<Tenants, 'tenant'>;
  /** The first key, from the configuration, which is in no registry; nobody has it where it is not given. */
  operatorKey?: string;
}

/** @returns whose key it is, if it and all above it are good; the operator's own is in no registry */
const createIdentify = (
  { clock, tenants, operatorKey }: ApiKeyDeps,
  stored: (id: string) => Promise<StoredApiKey | undefined>,
): Pick<ApiKeys, 'identify' | 'proofOf' | 'identifyAgain'> => {
  const operator = operatorKey === undefined ? undefined : digest(operatorKey);
  const nobody = digest(randomBytes(32).toString('hex'));

  const isGood = async ({ expiresAt, tenant, tenantSince }: StoredApiKey): Promise<boolean> => {
    if (expiresAt !== undefined && Date.parse(expiresAt) <= clock.now()) return false;
    if (tenant === undefined || tenantSince === undefined) return true;
    return (await tenants.tenant(tenant))?.createdAt === tenantSince;
  };

  /** @returns the key and those above it, as far as they are known; undefined where one of them is good no more */
  const chainOf = async (key: StoredApiKey): Promise<StoredApiKey[] | undefined> => {
    const chain: StoredApiKey[] = [];
    for (let next: StoredApiKey | undefined = key; ;) {
      if (next === undefined || chain.length > LONGEST_CHAIN || !(await isGood(next))) return undefined;
      chain.push(next);
      // A person's session ends in the evening: a key that they issued lasts until it is revoked.
      if (next.issuedBy === undefined || next.issuedBy === OPERATOR || isPerson(next.issuedBy)) return chain;
      next = await stored(next.issuedBy);
    }
  };

  const identified = async (key: StoredApiKey): Promise<Identity | undefined> => {
    const chain = await chainOf(key);
    return chain && identityOf(key, chain);
  };

  return {
    async identify(key) {
      const [, id, secret] = FORMAT.exec(key) ?? [];
      const found = id === undefined ? undefined : await stored(id);
      const matches = same(digest(secret ?? ''), found === undefined ? nobody : Buffer.from(found.hash, 'hex'));
      if (found !== undefined && matches) return identified(found);
      const isOperator = operator !== undefined && same(digest(key), operator);
      return isOperator ? { id: OPERATOR, role: 'operator' } : undefined;
    },
    proofOf: (key) => digest(digest(FORMAT.exec(key)?.[2] ?? key).toString('hex')).toString('hex'),
    async identifyAgain(id, proof) {
      const isSame = (hash: string): boolean => same(digest(hash), Buffer.from(proof, 'hex'));
      if (id === OPERATOR)
        return operator !== undefined && isSame(operator.toString('hex')) ? { id, role: 'operator' } : undefined;
      const found = await stored(id);
      return found !== undefined && isSame(found.hash) ? identified(found) : undefined;
    },
  };
};

/** Keys of the tenant before this one; of one that is not there all of them. */
const createCount =
  (list: ApiKeys['list']) =>
  async ({ tenant, id }: StoredApiKey): Promise<number> => {
    const all = (await list()).filter((key) => key.tenant === tenant);
    const place = all.findIndex((key) => key.id === id);
    return place === -1 ? all.length : place;
  };

export const createApiKeys = (deps: ApiKeyDeps): ApiKeys => {
  const { redis, changes, clock } = deps;
  const stored = changes.cached('api-key', async (id) => {
    const text = await redis.hget(KEYS.apiKeys, id);
    return text === null ? undefined : (JSON.parse(text) as StoredApiKey);
  });

  const list = async (): Promise<StoredApiKey[]> => {
    const all = await redis.hvals(KEYS.apiKeys);
    return all
      .map((text) => JSON.parse(text) as StoredApiKey)
      .sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
  };

  const countBefore = createCount(list);

  return {
    list,
    ...createIdentify(deps, stored),
    ...createUses(deps),
    async issue(input, issuer, bound) {
      const id = randomBytes(6).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const tenantSince = input.tenant === undefined ? undefined : (await deps.tenants.tenant(input.tenant))?.createdAt;
      const record: StoredApiKey = {
        id,
        hash: digest(secret).toString('hex'),
        ...input,
        createdAt: new Date(clock.now()).toISOString(),
        issuedBy: issuerOf(issuer),
        ...(issuer.hand !== undefined && { hand: issuer.hand }),
        ...(tenantSince && { tenantSince }),
      };
      // Before, and after: of many at once those that came first stay, and nobody has been told of the others.
      if (bound !== undefined && (await countBefore(record)) >= bound.most) throw bound.refuse();
      await redis.hset(KEYS.apiKeys, id, JSON.stringify(record));
      if (bound !== undefined && (await countBefore(record)) >= bound.most) {
        await redis.hdel(KEYS.apiKeys, id);
        throw bound.refuse();
      }
      await changes.announce('api-key', id);
      return { stored: record, key: `rp_${id}_${secret}` };
    },
    async revoke(id) {
      const removed = await redis.hdel(KEYS.apiKeys, id);
      await redis.hdel(KEYS.apiKeyUses, id);
      await changes.announce('api-key', id);
      return removed === 1;
    },
    async handOver({ id, issuedBy, role, hand = role === 'operator' ? undefined : id }) {
      const adopt = async (child: string): Promise<void> => {
        await changeRecord<StoredApiKey>(redis, KEYS.apiKeys, child, (present) => {
          if (present === undefined) throw new KeyGone();
          const { issuedBy: former, ...rest } = present;
          return former === id ? { ...(hand && { hand }), ...rest, ...(issuedBy && { issuedBy }) } : present;
        }).catch((error: unknown) => {
          if (!(error instanceof KeyGone)) throw error;
        });
        await changes.announce('api-key', child);
      };
      for (const one of await list()) if (one.issuedBy === id) await adopt(one.id);
    },
  };
};
