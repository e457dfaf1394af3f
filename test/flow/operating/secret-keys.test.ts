// Keys that seal secrets are changed: everything comes under the newest one, nothing is lost, and what is missing is named.
import { generateKeyPairSync } from 'node:crypto';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { createTokenRecords } from '../../../libs/oauth/token-records';
import { askedWith } from '../../../libs/mail/login/oauth';
import type { StoredTransport } from '../../../libs/mail/settings/transport';
import { systemClock } from '../../../libs/runtime/clock';
import { createChanges } from '../../../libs/store/redis/settings-cache';
import { CHANNELS, KEYS, tenantKeys } from '../../../libs/store/redis/keys';
import { createSecretBox, keyIdOf, type SecretKey } from '../../../libs/store/redis/secret-box';
import { createResealAll } from '../../../libs/store/registries/reseal';
import { createTransports } from '../../../libs/store/registries/transports';
import { createWorkers } from '../../../libs/store/registries/workers';
import { anEmail, SECRET_KEYS, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

const K1 = SECRET_KEYS[0] as SecretKey;
const K2: SecretKey = { id: 'k2', key: Buffer.alloc(32, 8) };
const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const ROOT = join(__dirname, '../../..');

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let subscriber: Redis;

beforeEach(async () => {
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
  subscriber = redis.duplicate();
  smtp = await startSmtpServer({ auth: { user: 'app', pass: 'secret' } });
});
afterEach(async () => {
  redis.disconnect();
  subscriber.disconnect();
  await service.close();
  await smtp.close();
});

const { transports: HASH } = tenantKeys('acme');
const stored = async (name: string): Promise<StoredTransport> =>
  JSON.parse((await redis.hget(HASH, name)) ?? '{}') as StoredTransport;
const keysUsed = async (): Promise<string[]> => {
  const texts = [
    ...(await redis.hvals(HASH)),
    ...(await redis.hvals(tenantKeys('acme').webhooks)),
    (await redis.get(tenantKeys('acme').signingSecrets)) ?? '',
  ];
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/v1\.(k\d+)\./g)].map(([, key = '']) => key)))].sort();
};
const ready = () => service.call<{ problems: string[]; warnings?: string[] }>('GET', '/readyz');
const transport = (changes: object = {}) => ({
  host: '127.0.0.1',
  port: smtp.port,
  security: 'none',
  auth: { user: 'app', pass: 'secret' },
  dkim: { domain: 'acme.example', selector: 's', privateKey: PEM },
  ...changes,
});
const byToken = {
  host: '127.0.0.1',
  port: 1,
  auth: {
    user: 'u',
    oauth2: {
      tokenUrl: 'https://login.example/token',
      clientId: 'c',
      clientSecret: 'client-secret',
      grant: 'refresh_token',
      refreshToken: 'first',
    },
  },
};

/** Whatever can be sealed, and an email that waits. */
const fill = async (): Promise<{ emails: string; id: string }> => {
  const { emails } = await setUpQueue(service, 'acme/app', smtp.port);
  await service.ok('PUT', '/v1/tenants/acme/transports/default', transport());
  await service.ok('PUT', '/v1/tenants/acme/transports/token', byToken);
  await service.ok('POST', '/v1/tenants/acme/signing-secret');
  await service.ok('PUT', '/v1/tenants/acme/webhooks/erp', { url: 'https://erp.acme.example/' });
  // The one before signs along.
  await service.ok('POST', '/v1/tenants/acme/webhooks/erp/secret');
  const { id } = await service.ok<{ id: string }>('POST', emails, anEmail());
  return { emails, id };
};

const startReseal = (...keys: SecretKey[]): ChildProcess =>
  fork(join(ROOT, 'apps/reseal/main.ts'), {
    execArgv: ['--import', 'tsx'],
    env: {
      PATH: process.env['PATH'],
      REDIS_URL: service.redis.url,
      ROHRPOST_SECRET_KEYS: keys.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(','),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    cwd: ROOT,
  });

const reseal = async (...keys: SecretKey[]): Promise<{ code: number; said: string }> => {
  const child = startReseal(...keys);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
};

interface Explained {
  reasons: { code: string; text: string }[];
}
const reasonsOf = async (emails: string, id: string) =>
  (await service.ok<Explained>('GET', `${emails}/${id}/explain`)).reasons;

test('a worker seals everything anew; settings, versions, tokens stay, and the old key may go', async () => {
  const { id } = await fill();
  const tag = (await service.call('GET', '/v1/tenants/acme/transports/default')).headers.get('etag');
  const secret = await service.ok('GET', '/v1/tenants/acme/signing-secret');
  const before = await stored('default');
  // As if the endpoint had replaced the refresh token.
  const ownerOf = ({ auth }: StoredTransport) => {
    if (auth?.oauth2 === undefined) throw new Error('no login by token');
    const { sealed, ...given } = auth.oauth2;
    return {
      ...{ tenant: 'acme', transport: 'token', askedWith: askedWith(auth.user, auth.oauth2) },
      oauth2: { ...given, user: auth.user, secrets: {} },
      sealed,
    };
  };
  const owner = ownerOf(await stored('token'));
  const old = createTokenRecords({ redis, secrets: createSecretBox([K1]) });
  const issued = { accessToken: 'access', expiresIn: 3_600, refreshToken: 'second' };
  await old.write(owner, old.made(owner, issued, undefined, Date.now()));

  expect(await keysUsed()).toEqual(['k1']);
  const worker = await service.addWorker({ secretKeys: [K2, K1] });
  await eventually(async () => expect(await redis.hgetall(KEYS.secretKeys)).toEqual({ k2: '9' }));
  expect(await keysUsed()).toEqual(['k2']);
  const after = await stored('default');
  expect({ ...after, auth: 0, dkim: 0 }).toEqual({ ...before, auth: 0, dkim: 0 });
  expect((await service.call('GET', '/v1/tenants/acme/transports/default')).headers.get('etag')).toBe(tag);

  // Only the newest key: mail leaves by it, and no token is asked for that was there.
  await worker.lifecycle.stop('end of test');
  service.workers.splice(0);
  const next = await service.addWorker({ secretKeys: [K2] });
  await eventually(async () => expect(await service.email('acme/app', id)).toMatchObject({ state: 'sent' }));
  expect(await next.problems()).toEqual([]);
  const fresh = createTokenRecords({ redis, secrets: createSecretBox([K2]) });
  const now = ownerOf(await stored('token'));
  const found = (await fresh.read(now))?.stored;
  expect([fresh.usable(now, found, Date.now()), fresh.askWith(now, found).secrets.refreshToken]).toEqual([
    'access',
    'second',
  ]);
  // The API still runs with the old one alone: it holds none that is needed, and says so.
  expect(await ready()).toMatchObject({ status: 503, body: { problems: [expect.stringContaining('"k2"')] } });
  const signing = '/v1/tenants/acme/signing-secret';
  await redis.publish(CHANNELS.changed, 'signing-secret acme');
  await eventually(async () =>
    expect(await service.call('GET', signing)).toMatchObject({ status: 503, body: { code: 'key-missing' } }),
  );
  // Where the key is lost for good, a new one can be had.
  const anew = await service.ok('POST', signing);
  expect(anew).toEqual({ secret: expect.stringMatching(/^whsec_/) as string });
  expect(anew).not.toMatchObject(secret);
});

test('a key that only some need is named and sends nobody away; a worker without it is not ready', async () => {
  await fill();
  await service.addWorker({ secretKeys: [K1] });
  // After its first count.
  await eventually(async () => expect(Object.keys(await redis.hgetall(KEYS.duty('reseal')))).toEqual(['due']));
  await redis.hset(KEYS.secretKeys, 'k9', 1);
  expect(await ready()).toMatchObject({ status: 200, body: { warnings: [expect.stringContaining('"k9"')] } });
  expect(await service.workers[0]?.problems()).toEqual([expect.stringContaining('"k9"')]);
});

test('an email without its key waits, unspent, and is told which one', async () => {
  const { emails, id } = await fill();
  await service.addWorker({ secretKeys: [K2] });
  await eventually(async () => {
    const reasons = await reasonsOf(emails, id);
    expect(reasons.map(({ code }) => code)).toEqual(['key-missing', 'parked']);
    expect(reasons.every(({ text }) => text.includes('"k1"'))).toBe(true);
  });
  expect(await service.ok<EmailBody>('GET', `${emails}/${id}`)).toMatchObject({ attemptsMade: 0, state: 'queued' });
  const tried = await service.ok('POST', '/v1/tenants/acme/transports/default/verify');
  expect(tried).toMatchObject({ ok: false, reply: expect.stringContaining('"k1"') as string });
  // Requests of the tenant are signed with a secret of its own.
  await service.ok('PUT', '/v1/tenants/acme/transports/open', { host: '127.0.0.1', port: smtp.port, security: 'none' });
  const dataSources = ['https://data.example/'];
  await service.ok('PUT', '/v1/queues/acme/app', { from: 'a@acme.example', transport: 'open', dataSources });
  await service.ok('PUT', '/v1/tenants/acme/templates/t', { subject: 'x', text: 'x' });
  const fetched = { to: ['a@example.org'], template: 't', dataUrl: 'https://data.example/1' };
  const second = await service.ok<{ id: string }>('POST', emails, fetched);
  await eventually(async () => {
    const [first] = await reasonsOf(emails, second.id);
    expect(first).toMatchObject({ code: 'key-missing', text: expect.stringContaining('signed with') as string });
  });
});

test('the command does the same, is stopped anywhere, and says what is left', async () => {
  await fill();
  const template = await redis.hget(HASH, 'default');
  const box = createSecretBox([K1]);
  const tenants = Array.from({ length: 400 }, (_, index) => `t${index}`);
  const writes: Promise<number>[] = [];
  for (const tenant of tenants) {
    const one = JSON.parse(template ?? '') as StoredTransport;
    const sealedPass = box.seal('secret', `transport:${tenant}/default:pass`);
    delete one.dkim;
    writes.push(
      redis.hset(KEYS.tenants, tenant, JSON.stringify({ settings: {} })),
      redis.hset(
        tenantKeys(tenant).transports,
        'default',
        JSON.stringify({ ...one, auth: { user: 'app', sealedPass } }),
      ),
    );
  }
  await Promise.all(writes);
  const countOf = async (key: string): Promise<number> => {
    const texts = await Promise.all(tenants.map((tenant) => redis.hget(tenantKeys(tenant).transports, 'default')));
    return texts.filter((text) => text?.includes(`"v1.${key}.`)).length;
  };

  const lacking = await service.addWorker({ secretKeys: [K1], replica: 'lacks-k2' });
  const refused = await reseal(K2, K1);
  expect([refused.code, refused.said]).toEqual([1, expect.stringContaining('lacks-k2')]);
  expect(await countOf('k1')).toBe(400);
  await lacking.lifecycle.stop('end of test');
  service.workers.splice(0);

  // Killed in the middle: each record is whole, under one key or the other.
  const killed = startReseal(K2, K1);
  await eventually(async () => expect(await countOf('k2')).toBeGreaterThan(0), { every: 1 });
  killed.kill('SIGKILL');
  await once(killed, 'close');
  expect((await countOf('k1')) + (await countOf('k2'))).toBe(400);

  const done = await reseal(K2, K1);
  expect([done.code, done.said]).toEqual([0, expect.stringMatching(/No secret needs these any more: k1/)]);
  expect([await countOf('k2'), await keysUsed()]).toEqual([400, ['k2']]);
  const lost = await reseal({ id: 'k3', key: Buffer.alloc(32, 3) });
  expect([lost.code, lost.said]).toEqual([
    1,
    expect.stringMatching(/still sealed with "k2", which ROHRPOST_SECRET_KEYS/),
  ]);
  expect((await reseal(K2)).code).toBe(0);
});

test('what somebody changes meanwhile is not lost', async () => {
  await fill();
  const changes = createChanges({ redis, subscriber });
  const passes = [[K2, K1] as const, [K1, K2] as const].map((keys) => {
    const secrets = createSecretBox([...keys]);
    const owners = [createTransports({ redis, changes, secrets, clock: systemClock })];
    return createResealAll({ redis, secrets, workers: createWorkers(redis), owners });
  });
  let going = true;
  let rounds = 0;
  const enemy = (async () => {
    while (going) await passes[rounds++ % 2]?.();
  })();
  for (let most = 1; most <= 60; most++) {
    const path = '/v1/tenants/acme/transports/default';
    await service.ok('PATCH', path, { limits: { connections: most } });
    expect(await service.ok('GET', path)).toMatchObject({ limits: { connections: most } });
    if (most % 10 === 0) await service.ok('PATCH', path, { auth: { pass: `secret-${most}` } });
  }
  going = false;
  await enemy;
  expect(rounds).toBeGreaterThan(10);
  const { auth, limits } = await stored('default');
  const box = createSecretBox([K1, K2]);
  expect([limits, box.open(auth?.sealedPass ?? '', 'transport:acme/default:pass')]).toEqual([
    { connections: 60 },
    'secret-60',
  ]);
  expect(['k1', 'k2']).toContain(keyIdOf(auth?.sealedPass ?? ''));
});
