// The registry of transports: SMTP servers of a tenant, their passwords sealed.
import type { StoredMailbox } from '../../mail/settings/bounce-mailbox';
import { type StoredTransport, type TransportChange } from '../../mail/settings/transport';
import { portOf } from '../../mail/settings/transport-login';
import type { Clock } from '../../runtime/clock';
import type { Bound } from './bound';
import { changeRecord, removeRecord, rewriteRecord } from './change-record';
import type { Changes } from '../redis/settings-cache';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import { keyIdOf, type SecretBox } from '../redis/secret-box';
import { noteSealed, type SealedOwner } from './reseal';
import {
  changeOf,
  openMailboxSecrets,
  openSecrets,
  resealTransport,
  sealAuth,
  sealDkim,
  sealedOf,
  sealReturnPath,
  type TransportSecrets,
} from './transport-secrets';

export interface Transports extends SealedOwner {
  get(tenant: string, name: string): Promise<StoredTransport | undefined>;
  list(tenant: string): Promise<{ name: string; transport: StoredTransport }[]>;
  /**
   * Puts what `decide` makes of the present one; of changes at once each is made of the one before it.
   * @param bound of how many the tenant may have
   * @throws Problem of the bound, `secret-missing` where `{"set": true}` keeps a secret that was never given, `secret-needed` where one would
   * go elsewhere
   */
  change(
    tenant: string,
    name: string,
    decide: (present: StoredTransport | undefined) => TransportChange,
    bound: Bound,
  ): Promise<{ before: StoredTransport | undefined; after: StoredTransport }>;
  /** @param allow throws where it must stay. @returns what was removed, if there was one */
  remove(
    tenant: string,
    name: string,
    allow?: (present: StoredTransport) => void,
  ): Promise<StoredTransport | undefined>;
  /** Its secrets in clear, for whoever logs in and signs. @throws SecretKeyMissing */
  secrets(tenant: string, name: string, transport: StoredTransport): TransportSecrets;
  /** The same of the mailbox of its return path. @throws SecretKeyMissing */
  mailboxSecrets(tenant: string, name: string, mailbox: StoredMailbox): TransportSecrets;
}

/** The transport as it is kept. @param now ms since 1970 */
const storedOf = (
  secrets: SecretBox,
  tenant: string,
  name: string,
  input: TransportChange,
  old: StoredTransport | undefined,
  now: number,
): StoredTransport => {
  const change = changeOf(secrets, tenant, name, input, old);
  const [auth, dkim, returnPath] = [sealAuth(change), sealDkim(change), sealReturnPath(change, tenant)];
  const at = new Date(now).toISOString();
  return {
    host: input.host,
    port: portOf(input),
    ...(input.hostBy && { hostBy: input.hostBy }),
    security: input.security,
    ...(auth && { auth }),
    ...(input.tls && { tls: input.tls }),
    ...(dkim && { dkim }),
    ...(input.limits && { limits: input.limits }),
    ...(input.allowedFrom && { allowedFrom: input.allowedFrom }),
    ...(input.name && { name: input.name }),
    ...(input.fallback !== undefined && { fallback: input.fallback }),
    ...(returnPath && { returnPath }),
    // Never a number that was there before, even after a removal: connections are kept under it.
    version: Math.max((old?.version ?? 0) + 1, now),
    createdAt: old?.createdAt ?? at,
    updatedAt: at,
  } as StoredTransport;
};

/** Puts the secrets of a tenant's transports under the newest key. */
const createReseal = (redis: Redis, changes: Changes, secrets: SecretBox): SealedOwner['reseal'] => {
  return async (tenant, rewrite) => {
    const key = tenantKeys(tenant).transports;
    const isOld = (sealed: string): boolean => secrets.holds(sealed) && keyIdOf(sealed) !== secrets.newestKey;
    const keys: string[] = [];
    let resealed = 0;
    for (const [name, text] of Object.entries(await redis.hgetall(key))) {
      let now = JSON.parse(text) as StoredTransport;
      const anew = (present: StoredTransport): StoredTransport =>
        (now = resealTransport(secrets, tenant, name, present));
      if (rewrite && sealedOf(now).some(isOld) && (await rewriteRecord(redis, key, name, anew))) {
        resealed++;
        await changes.announce('transport', `${tenant}/${name}`);
      }
      keys.push(...sealedOf(now).map(keyIdOf));
    }
    return { resealed, keys };
  };
};

/** Finds transports, for whoever neither changes them nor logs in to them: their secrets stay sealed. */
export const createTransportLookup = ({ redis, changes }: { redis: Redis; changes: Changes }): Transports['get'] => {
  const cached = changes.cached('transport', async (id) => {
    const [tenant = '', name = ''] = id.split('/');
    const text = await redis.hget(tenantKeys(tenant).transports, name);
    return text === null ? undefined : (JSON.parse(text) as StoredTransport);
  });
  return (tenant, name) => cached(`${tenant}/${name}`);
};

export const createTransports = (deps: {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
}): Transports => {
  const { redis, changes, secrets } = deps;

  return {
    get: createTransportLookup(deps),
    async list(tenant) {
      const all = await redis.hgetall(tenantKeys(tenant).transports);
      return Object.entries(all)
        .map(([name, text]) => ({ name, transport: JSON.parse(text) as StoredTransport }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    async change(tenant, name, decide, bound) {
      const changed = await changeRecord<StoredTransport>(
        redis,
        tenantKeys(tenant).transports,
        name,
        (old) => storedOf(secrets, tenant, name, decide(old), old, deps.clock.now()),
        bound,
      );
      await noteSealed(redis, sealedOf(changed.after));
      await changes.announce('transport', `${tenant}/${name}`);
      return changed;
    },
    async remove(tenant, name, allow = () => undefined) {
      const removed = await removeRecord<StoredTransport>(redis, tenantKeys(tenant).transports, name, allow);
      await changes.announce('transport', `${tenant}/${name}`);
      return removed;
    },
    secrets: (tenant, name, transport) => openSecrets(secrets, tenant, name, transport),
    mailboxSecrets: (tenant, name, mailbox) => openMailboxSecrets(secrets, tenant, name, mailbox),
    reseal: createReseal(redis, changes, secrets),
  };
};
