// The registry of transports: SMTP servers of a tenant, their passwords sealed.
import {
  OAUTH_SECRETS,
  type OAuth2Input,
  type OAuthSecret,
  type OpenOAuth2,
  type StoredOAuth2,
} from '../../mail/settings/oauth';
import { Problem, problemAt } from '../../mail/input/problem';
import { type StoredTransport, type TransportInput } from '../../mail/settings/transport';
import { movedParts, portOf } from '../../mail/settings/transport-login';
import type { Clock } from '../../runtime/clock';
import { changeRecord, removeRecord } from './change-record';
import type { Changes } from '../redis/changes';
import { tenantKeys } from '../redis/keys';
import type { Redis } from '../redis/redis';
import type { SecretBox } from '../redis/secrets';

export interface TransportSecrets {
  password?: string;
  /** What a token is asked for with. */
  oauth2?: OpenOAuth2['secrets'];
  /** PEM. */
  dkimKey?: string;
}

export interface Transports {
  get(tenant: string, name: string): Promise<StoredTransport | undefined>;
  list(tenant: string): Promise<{ name: string; transport: StoredTransport }[]>;
  /**
   * Puts what `decide` makes of the present one; of changes at once each is made of the one before it.
   * @throws Problem `secret-missing` where `{"set": true}` keeps a secret that was never given, `secret-needed` where the
   * password would go elsewhere
   */
  change(
    tenant: string,
    name: string,
    decide: (present: StoredTransport | undefined) => TransportInput,
  ): Promise<{ before: StoredTransport | undefined; after: StoredTransport }>;
  /** @param allow throws where it must stay. @returns what was removed, if there was one */
  remove(
    tenant: string,
    name: string,
    allow?: (present: StoredTransport) => void,
  ): Promise<StoredTransport | undefined>;
  /** Its secrets in clear, for whoever logs in and signs. */
  secrets(tenant: string, name: string, transport: StoredTransport): TransportSecrets;
}

const place = (tenant: string, name: string, secret: 'pass' | 'dkim' | OAuthSecret): string =>
  `transport:${tenant}/${name}:${secret}`;

const missing = (name: string, path: string): Problem =>
  new Problem('secret-missing', `the transport ${name} has no secret yet that could stay: give ${path}`, [
    { path: `/${path.replace('.', '/')}`, message: 'nothing is stored yet: give it' },
  ]);

/** Whoever may change a transport may not read its password: nor may he have it sent to a server of his own. */
const neededAgain = (moved: string[], path: string[] = ['auth', 'pass']): Problem => {
  const message = `must be given again where ${moved.join(' and ')} changes: a stored secret goes nowhere else`;
  return problemAt('secret-needed', path, message);
};

/** Seals the secrets of an input, or keeps those that are stored. @throws Problem of `Transports.change` */
const createSealing = (secrets: SecretBox) => {
  const sealedOAuth2 = (
    tenant: string,
    name: string,
    { user, oauth2 }: { user: string; oauth2: OAuth2Input },
    input: TransportInput,
    old: StoredTransport | undefined,
  ): StoredTransport['auth'] => {
    const { tokenUrl, clientId, scope, grant } = oauth2;
    const sealed: StoredOAuth2['sealed'] = {};
    for (const secret of OAUTH_SECRETS) {
      const given = oauth2[secret];
      if (given === undefined) continue;
      const known = old?.auth?.oauth2?.sealed[secret];
      const at = place(tenant, name, secret);
      // What is put again as it was is no correction: the token that came of it stays, and a refresh token that replaced it.
      if (typeof given === 'string')
        sealed[secret] =
          known !== undefined && secrets.isCurrent(known) && secrets.open(known, at) === given
            ? known
            : secrets.seal(given, at);
      else if (old === undefined || known === undefined) throw missing(name, `auth.oauth2.${secret}`);
      else {
        const moved = movedParts(old, input);
        if (moved.length > 0) throw neededAgain(moved, ['auth', 'oauth2', secret]);
        sealed[secret] = known;
      }
    }
    return { user, oauth2: { tokenUrl, clientId, ...(scope !== undefined && { scope }), grant, sealed } };
  };

  const sealedPass = (
    tenant: string,
    name: string,
    input: TransportInput,
    old: StoredTransport | undefined,
  ): StoredTransport['auth'] => {
    if (input.auth === undefined) return undefined;
    const { user, pass, oauth2 } = input.auth;
    if (oauth2 !== undefined) return sealedOAuth2(tenant, name, { user, oauth2 }, input, old);
    if (typeof pass === 'string') return { user, sealedPass: secrets.seal(pass, place(tenant, name, 'pass')) };
    if (old?.auth?.sealedPass === undefined) throw missing(name, 'auth.pass');
    const moved = movedParts(old, input);
    if (moved.length > 0) throw neededAgain(moved);
    return { user, sealedPass: old.auth.sealedPass };
  };

  const sealedDkim = (
    tenant: string,
    name: string,
    { dkim }: TransportInput,
    old: StoredTransport | undefined,
  ): StoredTransport['dkim'] => {
    if (dkim === undefined) return undefined;
    const { domain, selector, privateKey } = dkim;
    if (typeof privateKey === 'string')
      return { domain, selector, sealedKey: secrets.seal(privateKey, place(tenant, name, 'dkim')) };
    if (old?.dkim === undefined) throw missing(name, 'dkim.privateKey');
    return { domain, selector, sealedKey: old.dkim.sealedKey };
  };

  return { sealedPass, sealedDkim };
};

/** Makes what is kept of an input. */
const createStored = (secrets: SecretBox) => {
  const { sealedPass, sealedDkim } = createSealing(secrets);

  /** The transport as it is kept. @param now ms since 1970 */
  const stored = (
    tenant: string,
    name: string,
    input: TransportInput,
    old: StoredTransport | undefined,
    now: number,
  ): StoredTransport => {
    const auth = sealedPass(tenant, name, input, old);
    const dkim = sealedDkim(tenant, name, input, old);
    const at = new Date(now).toISOString();
    return {
      host: input.host,
      port: portOf(input),
      security: input.security,
      ...(auth && { auth }),
      ...(input.tls && { tls: input.tls }),
      ...(dkim && { dkim }),
      ...(input.limits && { limits: input.limits }),
      ...(input.allowedFrom && { allowedFrom: input.allowedFrom }),
      ...(input.name && { name: input.name }),
      // Never a number that was there before, even after a removal: connections are kept under it.
      version: Math.max((old?.version ?? 0) + 1, now),
      createdAt: old?.createdAt ?? at,
      updatedAt: at,
    } as StoredTransport;
  };

  return stored;
};

export const createTransports = (deps: {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
}): Transports => {
  const { redis, changes, secrets } = deps;
  const stored = createStored(secrets);
  const read = async (tenant: string, name: string): Promise<StoredTransport | undefined> => {
    const text = await redis.hget(tenantKeys(tenant).transports, name);
    return text === null ? undefined : (JSON.parse(text) as StoredTransport);
  };
  const cached = changes.cached('transport', (id) => {
    const [tenant = '', name = ''] = id.split('/');
    return read(tenant, name);
  });

  return {
    get: (tenant, name) => cached(`${tenant}/${name}`),
    async list(tenant) {
      const all = await redis.hgetall(tenantKeys(tenant).transports);
      return Object.entries(all)
        .map(([name, text]) => ({ name, transport: JSON.parse(text) as StoredTransport }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    async change(tenant, name, decide) {
      const changed = await changeRecord<StoredTransport>(redis, tenantKeys(tenant).transports, name, (old) =>
        stored(tenant, name, decide(old), old, deps.clock.now()),
      );
      await changes.announce('transport', `${tenant}/${name}`);
      return changed;
    },
    async remove(tenant, name, allow = () => undefined) {
      const removed = await removeRecord<StoredTransport>(redis, tenantKeys(tenant).transports, name, allow);
      await changes.announce('transport', `${tenant}/${name}`);
      return removed;
    },
    secrets: (tenant, name, { auth, dkim }) => ({
      ...(auth?.sealedPass !== undefined && { password: secrets.open(auth.sealedPass, place(tenant, name, 'pass')) }),
      ...(auth?.oauth2 && { oauth2: openOAuth2(secrets, tenant, name, auth.oauth2) }),
      ...(dkim && { dkimKey: secrets.open(dkim.sealedKey, place(tenant, name, 'dkim')) }),
    }),
  };
};

const openOAuth2 = (
  box: SecretBox,
  tenant: string,
  name: string,
  { sealed }: StoredOAuth2,
): NonNullable<TransportSecrets['oauth2']> =>
  Object.fromEntries(
    OAUTH_SECRETS.flatMap((secret) => {
      const text = sealed[secret];
      return text === undefined ? [] : [[secret, box.open(text, place(tenant, name, secret))]];
    }),
  );
