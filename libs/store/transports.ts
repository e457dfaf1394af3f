// The registry of transports: SMTP servers of a tenant, their passwords sealed.
import { Problem } from '../mail/problem';
import { defaultPort, type StoredTransport, type TransportInput } from '../mail/transport';
import type { Clock } from '../runtime/clock';
import type { Changes } from './changes';
import { tenantKeys } from './keys';
import type { Redis } from './redis';
import type { SecretBox } from './secrets';

export interface TransportSecrets {
  password?: string;
  /** PEM. */
  dkimKey?: string;
}

export interface Transports {
  get(tenant: string, name: string): Promise<StoredTransport | undefined>;
  list(tenant: string): Promise<{ name: string; transport: StoredTransport }[]>;
  /** @throws Problem `secret-missing` where `{"set": true}` keeps a password that was never given */
  put(tenant: string, name: string, input: TransportInput): Promise<{ transport: StoredTransport; created: boolean }>;
  remove(tenant: string, name: string): Promise<boolean>;
  /** Its secrets in clear, for whoever logs in and signs. */
  secrets(tenant: string, name: string, transport: StoredTransport): TransportSecrets;
}

const place = (tenant: string, name: string, secret: 'pass' | 'dkim'): string =>
  `transport:${tenant}/${name}:${secret}`;

const missing = (name: string, path: string): Problem =>
  new Problem('secret-missing', `the transport ${name} has no secret yet that could stay: give ${path}`, [
    { path: `/${path.replace('.', '/')}`, message: 'nothing is stored yet: give it' },
  ]);

export const createTransports = (deps: {
  redis: Redis;
  changes: Changes;
  secrets: SecretBox;
  clock: Clock;
}): Transports => {
  const { redis, changes, secrets } = deps;
  const read = async (tenant: string, name: string): Promise<StoredTransport | undefined> => {
    const text = await redis.hget(tenantKeys(tenant).transports, name);
    return text === null ? undefined : (JSON.parse(text) as StoredTransport);
  };
  const cached = changes.cached('transport', (id) => {
    const [tenant = '', name = ''] = id.split('/');
    return read(tenant, name);
  });

  const sealedPass = (
    tenant: string,
    name: string,
    input: TransportInput,
    old: StoredTransport | undefined,
  ): StoredTransport['auth'] => {
    if (input.auth === undefined || !('pass' in input.auth)) return undefined;
    const { user, pass } = input.auth;
    if (typeof pass === 'string') return { user, sealedPass: secrets.seal(pass, place(tenant, name, 'pass')) };
    if (old?.auth === undefined) throw missing(name, 'auth.pass');
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

  return {
    get: (tenant, name) => cached(`${tenant}/${name}`),
    async list(tenant) {
      const all = await redis.hgetall(tenantKeys(tenant).transports);
      return Object.entries(all)
        .map(([name, text]) => ({ name, transport: JSON.parse(text) as StoredTransport }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    async put(tenant, name, input) {
      const old = await read(tenant, name);
      const auth = sealedPass(tenant, name, input, old);
      const dkim = sealedDkim(tenant, name, input, old);
      const now = new Date(deps.clock.now()).toISOString();
      const transport = {
        host: input.host,
        port: input.port ?? defaultPort(input.security),
        security: input.security,
        ...(auth && { auth }),
        ...(input.tls && { tls: input.tls }),
        ...(dkim && { dkim }),
        ...(input.limits && { limits: input.limits }),
        ...(input.allowedFrom && { allowedFrom: input.allowedFrom }),
        ...(input.name && { name: input.name }),
        // Never a number that was there before, even after a removal: connections are kept under it.
        version: Math.max((old?.version ?? 0) + 1, deps.clock.now()),
        createdAt: old?.createdAt ?? now,
        updatedAt: now,
      } as StoredTransport;
      await redis.hset(tenantKeys(tenant).transports, name, JSON.stringify(transport));
      await changes.announce('transport', `${tenant}/${name}`);
      return { transport, created: old === undefined };
    },
    async remove(tenant, name) {
      const removed = await redis.hdel(tenantKeys(tenant).transports, name);
      await changes.announce('transport', `${tenant}/${name}`);
      return removed === 1;
    },
    secrets: (tenant, name, { auth, dkim }) => ({
      ...(auth && { password: secrets.open(auth.sealedPass, place(tenant, name, 'pass')) }),
      ...(dkim && { dkimKey: secrets.open(dkim.sealedKey, place(tenant, name, 'dkim')) }),
    }),
  };
};
