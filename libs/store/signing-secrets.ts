// The secrets that a tenant's outgoing requests are signed with: made when first needed, sealed, two while one is changed.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../runtime/clock';
import type { Changes } from './changes';
import { tenantKeys } from './keys';
import type { Redis } from './redis';
import type { SecretBox } from './secrets';

export interface SigningSecrets {
  /** `whsec_<base64 of 32 bytes>`, as Standard Webhooks has it. */
  secret: string;
  /** The one before; requests carry its signature too until then. `until` in ms since 1970. */
  previous?: { secret: string; until: number };
}

export interface SigningSecretStore {
  /** Makes one where the tenant has none yet. */
  get(tenant: string): Promise<SigningSecrets>;
  /** A new one; the present one signs along for a day. */
  rotate(tenant: string): Promise<SigningSecrets>;
  /** All that hold now, the present one first. */
  current(tenant: string): Promise<string[]>;
}

/** Time enough to tell every source of a new secret, ms. */
const OVERLAP_MS = 24 * 3_600_000;

const place = (tenant: string): string => `tenant:${tenant}:signing-secrets`;
const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

export const createSigningSecrets = (deps: {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
}): SigningSecretStore => {
  const { redis, changes, secrets, clock } = deps;
  const seal = (tenant: string, value: SigningSecrets): string => secrets.seal(JSON.stringify(value), place(tenant));
  const open = (tenant: string, sealed: string): SigningSecrets =>
    JSON.parse(secrets.open(sealed, place(tenant))) as SigningSecrets;

  const load = async (tenant: string): Promise<SigningSecrets> => {
    const { signingSecrets: key } = tenantKeys(tenant);
    const known = await redis.get(key);
    if (known !== null) return open(tenant, known);
    const made = { secret: newSecret() };
    // Whoever comes second takes what the first one made.
    if ((await redis.set(key, seal(tenant, made), 'NX')) === 'OK') return made;
    return load(tenant);
  };
  const cached = changes.cached('signing-secret', load);

  return {
    get: cached,
    async rotate(tenant) {
      const { secret } = await load(tenant);
      const next = { secret: newSecret(), previous: { secret, until: clock.now() + OVERLAP_MS } };
      await redis.set(tenantKeys(tenant).signingSecrets, seal(tenant, next));
      await changes.announce('signing-secret', tenant);
      return next;
    },
    async current(tenant) {
      const { secret, previous } = await cached(tenant);
      return previous !== undefined && previous.until > clock.now() ? [secret, previous.secret] : [secret];
    },
  };
};
