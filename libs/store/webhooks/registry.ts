// The registry of webhooks: addresses of a tenant that are told of events, their secrets sealed.
import { randomBytes } from 'node:crypto';
import type { StoredWebhook, SwitchedOff, WebhookInput } from '../../mail/webhooks/webhook';
import type { Clock } from '../../runtime/clock';
import { KEYS, tenantKeys } from '../redis/keys';
import { webhookKeys } from './webhook-keys';
import type { Redis } from '../redis/redis';
import { keyIdOf, type SecretBox } from '../redis/secret-box';
import type { Changes } from '../redis/settings-cache';
import type { Bound } from '../registries/bound';
import { changeRecord, removeRecord, rewriteRecord } from '../registries/change-record';
import type { Listening } from '../registries/listening';
import { noteSealed, type SealedOwner } from '../registries/reseal';

export interface NamedWebhook {
  name: string;
  webhook: StoredWebhook;
}

export interface Webhooks extends SealedOwner {
  get(tenant: string, name: string): Promise<StoredWebhook | undefined>;
  /** By name. Remembered until one of them changes. */
  list(tenant: string): Promise<NamedWebhook[]>;
  /**
   * Puts what `decide` makes of the present one. Events are written from then on.
   * @param bound of how many the tenant may have
   * @returns it before and after, and the secret in clear where it was made here
   * @throws Problem of the bound, or of what `decide` throws
   */
  change(
    tenant: string,
    name: string,
    decide: (present: StoredWebhook | undefined) => WebhookInput,
    bound: Bound,
  ): Promise<{ before: StoredWebhook | undefined; after: StoredWebhook; made?: string }>;
  /** A new secret; the one before it signs along for a day. @returns undefined where there is no such webhook */
  rotate(tenant: string, name: string): Promise<{ webhook: StoredWebhook; secret: string } | undefined>;
  /** @param onSince of the webhook that failed: one that was switched on again since then stays. @returns whether it was switched off */
  switchOff(tenant: string, name: string, onSince: number, why: SwitchedOff): Promise<boolean>;
  /** With everything that waits for it. @param allow throws where it must stay. @returns what was removed, if there was one */
  remove(tenant: string, name: string, allow: (present: StoredWebhook) => void): Promise<StoredWebhook | undefined>;
  /** Every process hears that something changed of one of the tenant's, or that something became due. */
  announce(tenant: string): Promise<void>;
  /** What its requests are signed with, the present one first. @throws SecretKeyMissing */
  secrets(tenant: string, name: string, webhook: StoredWebhook): string[];
}

/** What comes after this is new, also where the stream is empty. */
const endOfEvents = async (redis: Redis): Promise<string> => {
  const { stream, state } = KEYS.events;
  const [last] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  return last?.[0] ?? (await redis.hget(state, 'trimmed')) ?? '0-0';
};

/** Time enough to tell the receiver of a new secret, ms. */
const OVERLAP_MS = 24 * 3_600_000;

const place = (tenant: string, name: string): string => `webhook:${tenant}/${name}:secret`;
const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

const sealedOf = ({ sealed, former }: StoredWebhook): string[] => [sealed, ...(former ? [former.sealed] : [])];

interface Secret {
  sealed: string;
  former?: NonNullable<StoredWebhook['former']>;
}

/** The secret that holds from now on; the one before it, unless it is lost, signs along. */
const followedBy = (box: SecretBox, at: string, old: StoredWebhook, secret: string, now: number): Secret => {
  if (!box.holds(old.sealed)) return { sealed: box.seal(secret, at) };
  if (box.open(old.sealed, at) === secret) return { sealed: old.sealed, ...(old.former && { former: old.former }) };
  return { sealed: box.seal(secret, at), former: { sealed: old.sealed, until: now + OVERLAP_MS } };
};

/** @param made the secret where none is given and none is there */
const secretOf = (
  box: SecretBox,
  at: string,
  given: WebhookInput['secret'],
  old: StoredWebhook | undefined,
  made: string,
  now: number,
): Secret => {
  if (old === undefined) return { sealed: box.seal(typeof given === 'string' ? given : made, at) };
  if (typeof given === 'string') return followedBy(box, at, old, given, now);
  const former = old.former !== undefined && old.former.until > now ? old.former : undefined;
  return { sealed: old.sealed, ...(former && { former }) };
};

const settingsOf = (
  { url, events, applications, enabled }: WebhookInput,
  secret: Secret,
  old: StoredWebhook | undefined,
  from: string,
  now: number,
): StoredWebhook => {
  const staysOn = old?.enabled === true && enabled;
  const at = new Date(now).toISOString();
  return {
    url,
    ...(events && { events }),
    ...(applications && { applications }),
    enabled,
    ...(!enabled && old?.disabled && { disabled: old.disabled }),
    ...secret,
    from: staysOn ? old.from : from,
    onSince: staysOn ? old.onSince : now,
    createdAt: old?.createdAt ?? at,
    updatedAt: at,
  };
};

/** Puts the secrets of a tenant's webhooks under the newest key. */
const createReseal = (redis: Redis, changes: Changes, box: SecretBox): SealedOwner['reseal'] => {
  const isOld = (sealed: string): boolean => box.holds(sealed) && keyIdOf(sealed) !== box.newestKey;
  return async (tenant, rewrite) => {
    const key = tenantKeys(tenant).webhooks;
    const keys: string[] = [];
    let resealed = 0;
    for (const [name, text] of Object.entries(await redis.hgetall(key))) {
      let now = JSON.parse(text) as StoredWebhook;
      const anew = (sealed: string): string => (box.holds(sealed) ? box.reseal(sealed, place(tenant, name)) : sealed);
      const rewritten = ({ sealed, former, ...rest }: StoredWebhook): StoredWebhook =>
        (now = {
          ...rest,
          sealed: anew(sealed),
          ...(former && { former: { ...former, sealed: anew(former.sealed) } }),
        });
      if (rewrite && sealedOf(now).some(isOld) && (await rewriteRecord(redis, key, name, rewritten))) {
        resealed++;
        await changes.announce('webhook', tenant);
      }
      keys.push(...sealedOf(now).map(keyIdOf));
    }
    return { resealed, keys };
  };
};

interface Deps {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
  listening: Pick<Listening, 'keepOnFor'>;
}

/** Those that change a record which is there. */
const createChangingPart = ({ redis, changes, secrets, clock }: Deps): Pick<Webhooks, 'rotate' | 'switchOff'> => ({
  async rotate(tenant, name) {
    const secret = newSecret();
    const rotated: StoredWebhook[] = [];
    await rewriteRecord<StoredWebhook>(redis, tenantKeys(tenant).webhooks, name, (present) => {
      const now = clock.now();
      const next = { ...present, updatedAt: new Date(now).toISOString() };
      delete next.former;
      Object.assign(next, followedBy(secrets, place(tenant, name), present, secret, now));
      rotated.push(next);
      return next;
    });
    const webhook = rotated.at(-1);
    if (webhook === undefined) return undefined;
    await noteSealed(redis, sealedOf(webhook));
    await changes.announce('webhook', tenant);
    return { webhook, secret };
  },
  async switchOff(tenant, name, onSince, why) {
    const isSwitchedOff = await rewriteRecord<StoredWebhook>(redis, tenantKeys(tenant).webhooks, name, (present) =>
      present.enabled && present.onSince === onSince ? { ...present, enabled: false, disabled: why } : present,
    );
    await changes.announce('webhook', tenant);
    return isSwitchedOff;
  },
});

/** Those that make and remove one. */
const createPutPart = ({ redis, changes, secrets, clock, listening }: Deps): Pick<Webhooks, 'change' | 'remove'> => {
  const forget = async (tenant: string, name: string): Promise<void> => {
    await redis.unlink(...Object.values(webhookKeys(tenant, name)));
  };
  return {
    async change(tenant, name, decide, bound) {
      const key = tenantKeys(tenant).webhooks;
      const present = await redis.hget(key, name);
      // Before anything is written: nobody has events written by what is refused.
      decide(present === null ? undefined : (JSON.parse(present) as StoredWebhook));
      // What a removal left that was cut short belongs to another one.
      if (present === null) await forget(tenant, name);
      await listening.keepOnFor(tenant);
      const from = await endOfEvents(redis);
      const made = newSecret();
      const asked: WebhookInput[] = [];
      const changed = await changeRecord<StoredWebhook>(
        redis,
        key,
        name,
        (old) => {
          const [input, now] = [decide(old), clock.now()];
          asked.push(input);
          const secret = secretOf(secrets, place(tenant, name), input.secret, old, made, now);
          return settingsOf(input, secret, old, from, now);
        },
        bound,
      );
      await noteSealed(redis, sealedOf(changed.after));
      await changes.announce('webhook', tenant);
      const isMade = changed.before === undefined && typeof asked.at(-1)?.secret !== 'string';
      return { ...changed, ...(isMade && { made }) };
    },
    async remove(tenant, name, allow) {
      const removed = await removeRecord<StoredWebhook>(redis, tenantKeys(tenant).webhooks, name, allow);
      await forget(tenant, name);
      await changes.announce('webhook', tenant);
      return removed;
    },
  };
};

export const createWebhooks = (deps: Deps): Webhooks => {
  const { redis, changes, secrets, clock } = deps;
  const list = changes.cached('webhook', async (tenant): Promise<NamedWebhook[]> => {
    const all = await redis.hgetall(tenantKeys(tenant).webhooks);
    return Object.entries(all)
      .map(([name, text]) => ({ name, webhook: JSON.parse(text) as StoredWebhook }))
      .sort((a, b) => a.name.localeCompare(b.name));
  });
  const get: Webhooks['get'] = async (tenant, name) => {
    const text = await redis.hget(tenantKeys(tenant).webhooks, name);
    return text === null ? undefined : (JSON.parse(text) as StoredWebhook);
  };

  return {
    get,
    list,
    ...createPutPart(deps),
    ...createChangingPart(deps),
    announce: (tenant) => changes.announce('webhook', tenant),
    secrets(tenant, name, { sealed, former }) {
      const all = [sealed, ...(former !== undefined && former.until > clock.now() ? [former.sealed] : [])];
      return all.map((one) => secrets.open(one, place(tenant, name)));
    },
    reseal: createReseal(redis, changes, secrets),
  };
};
