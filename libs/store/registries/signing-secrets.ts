// The secrets that a tenant's outgoing requests are signed with: made when first needed, sealed, two while one is changed.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../runtime/clock';
import type { Changes } from '../redis/settings-cache';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { defineScript } from '../redis/script';
import { keyIdOf, type SecretBox } from '../redis/secret-box';
import { noteSealed, type SealedOwner } from './reseal';

export interface SigningSecrets {
  /** `whsec_<base64 of 32 bytes>`, as Standard Webhooks has it. */
  secret: string;
  /** The one before; requests carry its signature too until then. */
  previous?: Former;
  /** Those before it that hold still, where it was changed several times within a day. */
  older?: Former[];
}

interface Former {
  secret: string;
  /** ms since 1970 */
  until: number;
}

export interface SigningSecretStore extends SealedOwner {
  /** Makes one where the tenant has none yet. */
  get(tenant: string): Promise<SigningSecrets>;
  /** A new one; those that hold now sign along, each for a day after it was changed. */
  rotate(tenant: string): Promise<SigningSecrets>;
  /** The name of the key of ROHRPOST_SECRET_KEYS that they are sealed with, where the tenant has some. */
  keyOf(tenant: string): Promise<string | undefined>;
  /** All that hold now, the present one first. */
  current(tenant: string): Promise<string[]>;
}

/** Time enough to tell every source of a new secret, ms. */
const OVERLAP_MS = 24 * 3_600_000;

/** A request carries a signature for each; more changes than this within a day are no change of secrets. */
const MOST_FORMER = 5;

// KEYS: the sealed secrets. ARGV: the text that they must have, the new text. Result: 1, or 0 where somebody else was faster.
// Atomic, so that of two who change them at once none is shown a secret that never holds.
const replaceSecrets = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`);

const place = (tenant: string): string => `tenant:${tenant}:signing-secrets`;
const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

const seal = (secrets: SecretBox, tenant: string, value: SigningSecrets): string =>
  secrets.seal(JSON.stringify(value), place(tenant));
const open = (secrets: SecretBox, tenant: string, sealed: string): SigningSecrets =>
  JSON.parse(secrets.open(sealed, place(tenant))) as SigningSecrets;

/** A new one, beside those that hold still; alone where the key of those before it is lost, and they with it. */
const successorOf = (secrets: SecretBox, tenant: string, present: string, now: number): SigningSecrets => {
  if (!secrets.holds(present)) return { secret: newSecret() };
  const { secret, previous, older = [] } = open(secrets, tenant, present);
  const former = [...(previous ? [previous] : []), ...older].filter(({ until }) => until > now);
  return {
    secret: newSecret(),
    previous: { secret, until: now + OVERLAP_MS },
    ...(former.length > 0 && { older: former.slice(0, MOST_FORMER - 1) }),
  };
};

/** Puts a tenant's secrets under the newest key. */
const createReseal = (redis: Redis, secrets: SecretBox): SealedOwner['reseal'] => {
  return async (tenant, rewrite) => {
    const { signingSecrets: key } = tenantKeys(tenant);
    for (;;) {
      const sealed = await redis.get(key);
      if (sealed === null) return { resealed: 0, keys: [] };
      const next = rewrite && secrets.holds(sealed) ? secrets.reseal(sealed, place(tenant)) : sealed;
      if (next === sealed) return { resealed: 0, keys: [keyIdOf(sealed)] };
      if ((await replaceSecrets(redis, [key], [sealed, next])) === 1) return { resealed: 1, keys: [keyIdOf(next)] };
    }
  };
};

export const createSigningSecrets = (deps: {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
}): SigningSecretStore => {
  const { redis, changes, secrets, clock } = deps;
  const load = async (tenant: string): Promise<SigningSecrets> => {
    const { signingSecrets: key } = tenantKeys(tenant);
    const known = await redis.get(key);
    if (known !== null) return open(secrets, tenant, known);
    const made = { secret: newSecret() };
    // Whoever comes second takes what the first one made.
    const sealed = seal(secrets, tenant, made);
    if ((await redis.set(key, sealed, 'NX')) !== 'OK') return load(tenant);
    await noteSealed(redis, [sealed]);
    return made;
  };
  const cached = changes.cached('signing-secret', load);

  return {
    get: cached,
    async rotate(tenant) {
      const { signingSecrets: key } = tenantKeys(tenant);
      for (;;) {
        const present = await redis.get(key);
        if (present === null) {
          await load(tenant);
          continue;
        }
        const next = successorOf(secrets, tenant, present, clock.now());
        const sealed = seal(secrets, tenant, next);
        if ((await replaceSecrets(redis, [key], [present, sealed])) !== 1) continue;
        await noteSealed(redis, [sealed]);
        await changes.announce('signing-secret', tenant);
        return next;
      }
    },
    async keyOf(tenant) {
      const sealed = await redis.get(tenantKeys(tenant).signingSecrets);
      return sealed === null ? undefined : keyIdOf(sealed);
    },
    reseal: createReseal(redis, secrets),
    async current(tenant) {
      const { secret, previous, older = [] } = await cached(tenant);
      const former = [...(previous ? [previous] : []), ...older].filter(({ until }) => until > clock.now());
      return [secret, ...former.map((one) => one.secret)];
    },
  };
};
