// Transports that log in by OAuth2: a real authorization server, real workers, and SMTP servers that ask it about each token.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { aBatch, untilState } from '../../support/emails';
import { FULL } from '../../support/fault';
import { startOidcServer, type OidcServer } from '../../support/identity/oidc-process';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer, type SmtpServerOptions } from '../../support/smtp/smtp-server';
import type { TokenLogin } from '../../support/smtp/smtp-token';
import { serverCertificate, serverKey } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

const SECRET = 'client-secret-0123456789';
const WRONG = 'wrong-secret-9876543210';
const USER = 'mailbox@acme.example';
const MANY = FULL ? 10_000 : 1_000;

let oidc: OidcServer;
let service: Service;
let workers: ServiceProcess[] = [];
const servers: SmtpServer[] = [];
/** Every token that a server was shown. */
const shown = new Set<string>();
/** Every answer of the API in this file. */
const answers: string[] = [];

beforeAll(async () => {
  const secret = { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' as const };
  oidc = await startOidcServer(
    [
      { client_id: 'app', grant_types: ['client_credentials'], ...secret },
      { client_id: 'key-app', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' },
      { client_id: 'person', grant_types: ['authorization_code', 'refresh_token'], ...secret },
    ],
    [USER],
  );
  service = await startService({ workers: 0, api: { allowPrivate: ['127.0.0.1'] } });
  const env = {
    ...serviceEnv(service.redis.url, service.dataDir),
    ROHRPOST_ALLOW_PRIVATE_HOSTS: '127.0.0.1',
    ROHRPOST_LOG_LEVEL: 'debug',
  };
  workers = await Promise.all([1, 2, 3].map(() => startProcess('worker', env)));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await service.close();
  await Promise.all(servers.map((server) => server.close()));
  await oidc.close();
});
beforeEach(() => oidc.set({ mode: 'ok', life: 3_600 }));

const ok = async <T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await service.ok<T>(method, path, body);
  answers.push(JSON.stringify(answer));
  return answer;
};

/** A server that takes whatever token the authorization server calls good. */
const startServer = async (
  options: Omit<SmtpServerOptions, 'tokens'> = {},
  mechanisms: TokenLogin['mechanisms'] = ['XOAUTH2', 'OAUTHBEARER'],
  check: TokenLogin['check'] = (user, token) => oidc.check(user, token),
): Promise<SmtpServer> => {
  const tokens: TokenLogin = {
    mechanisms,
    check(user, token) {
      shown.add(token);
      return check(user, token);
    },
  };
  const server = await startSmtpServer({ ...options, tokens });
  servers.push(server);
  return server;
};

const credentials = (changes: Record<string, unknown> = {}) => ({
  tokenUrl: `${oidc.url}/token`,
  clientId: 'app',
  clientSecret: SECRET,
  scope: 'smtp',
  grant: 'client_credentials',
  ...changes,
});

const transportOf = (server: SmtpServer, oauth2: Record<string, unknown>, changes: Record<string, unknown> = {}) => ({
  host: '127.0.0.1',
  port: server.port,
  security: 'none',
  auth: { user: USER, oauth2 },
  ...changes,
});

/** A queue of a tenant of its own, whose transport logs in with this. */
const setUp = async (
  tenant: string,
  server: SmtpServer,
  oauth2: Record<string, unknown> = credentials(),
  settings: Record<string, unknown> = {},
) => {
  const made = await setUpQueue(service, `${tenant}/app`, server.port, settings);
  const transport = `/v1/tenants/${tenant}/transports/default`;
  await ok('PUT', transport, transportOf(server, oauth2));
  return { ...made, transport };
};

const send = (emails: string): Promise<EmailBody> => ok<EmailBody>('POST', emails, anEmail());
const verify = (transport: string) => ok<{ ok: boolean; reply: string }>('POST', `${transport}/verify`);

/** What it does, and how many tokens were asked for meanwhile. */
const counting = async (work: () => Promise<unknown>): Promise<number> => {
  const before = await oidc.requests();
  await work();
  return (await oidc.requests()) - before;
};

const sendMany = async (emails: string, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 500)
    await ok('POST', `${emails}/batch`, aBatch(from, Math.min(500, count - from)));
};

describe('every way to a token', () => {
  test('many emails by three workers on one token, asked for once', async () => {
    const server = await startServer();
    const { emails } = await setUp('many', server, credentials(), { concurrency: 30 });
    const asked = await counting(async () => {
      await sendMany(emails, MANY);
      await server.waitForMessages(MANY, FULL ? 120_000 : 30_000);
    });
    expect(asked).toBe(1);
    expect(new Set(server.messages.map(({ to }) => to[0])).size).toBe(MANY);
    expect(server.messages.every(({ user }) => user === USER)).toBe(true);
    expect(server.commands.some((line) => line.startsWith('AUTH OAUTHBEARER'))).toBe(false);
  });

  test('one is renewed in the middle, under load, once', async () => {
    // Five emails a connection: logins all the time.
    const server = await startServer({
      script: { after: ({ messageInSession }) => (messageInSession >= 5 ? { action: 'close' } : undefined) },
    });
    await oidc.set({ life: 40 });
    const { emails, queue } = await setUp('renewed', server, credentials(), { concurrency: 10 });
    const before = await oidc.requests();
    const tokens = new Set(shown);
    await send(emails);
    await server.waitForMessages(1);
    await oidc.set({ life: 3_600 });
    let sent = 1;
    // Until the first one is due to be renewed, and a while beyond.
    for (let rounds = 0, after = 0; after < 3 && rounds < 60; rounds++) {
      await ok('POST', `${emails}/batch`, aBatch(sent, 100));
      sent += 100;
      await server.waitForMessages(sent, 20_000);
      if ((await oidc.requests()) - before > 1) after++;
    }
    expect((await oidc.requests()) - before).toBe(2);
    expect([...shown].filter((token) => !tokens.has(token))).toHaveLength(2);
    const { counts } = await ok<{ counts: Record<string, number> }>('GET', `/v1/queues/${queue}`);
    expect(counts).toMatchObject({ failed: 0 });
    expect(server.messages).toHaveLength(sent);
  });

  test('a client that signs, also with its certificate beside the key', async () => {
    const server = await startServer();
    const byKey = { clientId: 'key-app', clientSecret: undefined, privateKey: oidc.privateKey };
    const { transport } = await setUp('signed', server, credentials(byKey));
    expect(await verify(transport)).toMatchObject({ ok: true, reply: '235 2.7.0 welcome' });
    const both = credentials({
      clientId: 'key-app',
      clientSecret: undefined,
      privateKey: serverKey + serverCertificate,
    });
    await ok('PUT', transport, transportOf(server, both));
    // It is signed; the key is another client's.
    expect((await verify(transport)).reply).toContain('invalid_client');
  });

  test('a refresh token that is replaced at each use, and stays replaced when the same is put again', async () => {
    const server = await startServer();
    const refreshToken = await oidc.refreshToken('person', USER);
    const person = credentials({ clientId: 'person', grant: 'refresh_token', refreshToken, scope: undefined });
    const { transport } = await setUp('person', server, person);
    // So short a life is renewed at each login.
    await oidc.set({ life: 30 });
    const before = await oidc.requests();
    for (let renewed = 1; renewed <= 3; renewed++) {
      await eventually(async () => {
        expect(await verify(transport)).toMatchObject({ ok: true });
        expect((await oidc.requests()) - before).toBeGreaterThanOrEqual(renewed);
      });
    }
    await oidc.set({ life: 3_600 });
    await eventually(async () => {
      expect(await verify(transport)).toMatchObject({ ok: true });
      expect(await counting(() => verify(transport))).toBe(0);
    });
    await ok('PUT', transport, transportOf(server, person));
    expect(await verify(transport)).toMatchObject({ ok: true });
    expect(await counting(() => verify(transport))).toBe(0);
  });

  test('a service account that signs for a mailbox', async () => {
    const server = await startServer();
    const account = credentials({
      tokenUrl: `${oidc.url}/jwt-bearer`,
      clientId: 'service-account',
      clientSecret: undefined,
      privateKey: oidc.privateKey,
      scope: 'https://mail.example/',
      grant: 'jwt_bearer',
    });
    const { transport, emails, queue } = await setUp('account', server, account);
    const { id } = await send(emails);
    await untilState(service, queue, id, 'sent');
    await ok('PATCH', transport, { auth: { user: 'stranger@acme.example', oauth2: { privateKey: oidc.privateKey } } });
    expect((await verify(transport)).reply).toContain('invalid_grant: this assertion is not good');
  });

  test('a server that offers OAUTHBEARER alone, and one that offers neither', async () => {
    const bearer = await startServer({}, ['OAUTHBEARER']);
    const { transport } = await setUp('bearer', bearer);
    expect(await verify(transport)).toMatchObject({ ok: true });
    const plain = await startServer({ auth: { user: USER, pass: 'x' } }, []);
    await ok('PUT', transport, transportOf(plain, credentials()));
    const { ok: fine, reply } = await verify(transport);
    expect({ fine, reply }).toEqual({
      fine: false,
      reply: expect.stringMatching(/offers no login by OAuth2/) as string,
    });
    expect(plain.commands.filter((line) => line.startsWith('AUTH'))).toEqual([]);
  });
});

describe('what goes wrong', () => {
  test('a client that is refused: the transport is down after five attempts, and goes on when the secret is corrected', async () => {
    const server = await startServer();
    const { transport, emails, queue } = await setUp('refused', server, credentials({ clientSecret: WRONG }));
    const words = 'invalid_client: client authentication failed';
    expect((await verify(transport)).reply).toContain(words);
    const ids: string[] = [];
    for (let count = 0; count < 12; count++) ids.push((await send(emails)).id);
    const down = await eventually(async () => {
      const { reasons } = await ok<{ reasons: { code: string; text: string }[] }>(
        'GET',
        `${emails}/${ids[11]}/explain`,
      );
      const found = reasons.find(({ code }) => code === 'transport-down');
      expect(found).toBeDefined();
      return found;
    });
    expect(down?.text).toContain(words);
    const all = await Promise.all(ids.map((id) => service.email(queue, id)));
    expect(all.reduce((sum, { attemptsMade }) => sum + attemptsMade, 0)).toBeLessThanOrEqual(5);
    expect(all.flatMap(({ attempts }) => attempts).some(({ text }) => text?.includes(words))).toBe(true);
    expect(server.connections).toBe(0);
    // An endpoint that cannot be asked does not make it well.
    await oidc.set({ mode: '500' });
    await eventually(
      async () => {
        const { reasons } = await ok<{ reasons: { code: string; text: string }[] }>(
          'GET',
          `${emails}/${ids[11]}/explain`,
        );
        expect(reasons.find(({ code }) => code === 'transport-down')?.text).toContain('is down');
        expect(reasons.find(({ code }) => code === 'transport-down')?.text).toContain('answered 500');
      },
      { timeout: 20_000 },
    );
    await oidc.set({ mode: 'ok' });
    await ok('PATCH', transport, { auth: { oauth2: { clientSecret: SECRET } } });
    await eventually(async () => {
      for (const id of ids) await ok('POST', `${emails}/${id}/send-now`).catch(() => undefined);
      expect(server.messages).toHaveLength(12);
    });
  });

  const untilParked = (emails: string, id: string, words: string): Promise<void> =>
    eventually(
      async () => {
        const { reasons } = await ok<{ reasons: { code: string; text: string }[] }>('GET', `${emails}/${id}/explain`);
        expect(reasons).toMatchObject([{ code: 'parked', text: expect.stringContaining(words) as string }]);
      },
      { timeout: 20_000 },
    );

  // One that says nothing takes its ten seconds.
  test.each(FULL ? (['500', 'refuse', 'hang'] as const) : (['500'] as const))(
    'an endpoint that is away (%s): emails wait and pay nothing',
    async (mode) => {
      const server = await startServer();
      const { emails, queue, transport } = await setUp(`away-${mode}`, server);
      await oidc.set({ mode });
      const { id } = await send(emails);
      await untilParked(emails, id, '/token');
      expect(await service.email(queue, id)).toMatchObject({ attemptsMade: 0 });
      expect(await verify(transport)).toMatchObject({ ok: false });
      await oidc.set({ mode: 'ok' });
      await untilState(service, queue, id, 'sent', 20_000);
      expect((await service.email(queue, id)).attempts.filter(({ outcome }) => outcome === 'deferred')).toEqual([]);
    },
  );

  test('an endpoint that nobody listens at: emails wait and pay nothing', async () => {
    const server = await startServer();
    const { emails, queue } = await setUp('nobody', server, credentials({ tokenUrl: 'http://127.0.0.1:1/token' }));
    const { id } = await send(emails);
    await untilParked(emails, id, '127.0.0.1:1');
    expect(await service.email(queue, id)).toMatchObject({ attemptsMade: 0, attempts: [] });
  });

  test('a token that is revoked is replaced, and the email pays nothing', async () => {
    const server = await startServer({}, ['XOAUTH2', 'OAUTHBEARER']);
    const { emails, queue } = await setUp('revoked', server);
    const first = await send(emails);
    await untilState(service, queue, first.id, 'sent');
    for (const token of shown) await oidc.revoke(token);
    // The connection that lies idle is good still: another one must log in.
    server.setScript({
      mail: ({ session }) => (session === 1 ? { reply: '421 4.7.0 bye', action: 'close' } : undefined),
    });
    const asked = await counting(async () => {
      const second = await send(emails);
      expect(await untilState(service, queue, second.id, 'sent')).toMatchObject({ attemptsMade: 1 });
    });
    expect(asked).toBe(1);
    expect(server.commands.filter((line) => line.startsWith('AUTH XOAUTH2')).length).toBeGreaterThanOrEqual(2);
  });

  test.each(['XOAUTH2', 'OAUTHBEARER'] as const)(
    'a server that takes no token (%s): two are tried, then it is told in its decoded words',
    async (mechanism) => {
      const server = await startServer({}, [mechanism], () => false);
      const { emails, queue, transport } = await setUp(`never-${mechanism.toLowerCase()}`, server);
      const asked = await counting(async () => {
        const { id } = await send(emails);
        const { attempts } = await eventually(async () => {
          const email = await service.email(queue, id);
          expect(email.attempts).toHaveLength(1);
          return email;
        });
        expect(attempts[0]?.text).toContain(
          '535 5.7.3 Authentication unsuccessful (status 401, schemes bearer, scope smtp)',
        );
        expect(attempts[0]).toMatchObject({ outcome: 'deferred' });
        expect((await verify(transport)).reply).toContain('(status 401, schemes bearer, scope smtp)');
      });
      expect(asked).toBe(2);
    },
  );
});

describe('secrets', () => {
  test('are asked for again where they would go elsewhere', async () => {
    const server = await startServer();
    const { transport } = await setUp('asked', server);
    const kept = credentials({ clientSecret: { set: true } });
    await ok('PUT', transport, await ok('GET', transport));
    const elsewhere: Record<string, unknown>[] = [
      transportOf(server, { ...kept, tokenUrl: `${oidc.url}/other` }),
      transportOf(server, { ...kept, clientId: 'other' }),
      transportOf(server, kept, { host: 'localhost' }),
      transportOf(server, kept, { port: 1 }),
      transportOf(server, kept, { security: 'tls' }),
      transportOf(server, kept, { tls: { servername: 'other.example' } }),
      { ...transportOf(server, kept), auth: { user: 'other@acme.example', oauth2: kept } },
    ];
    for (const document of elsewhere) {
      const { status, body } = await service.call('PUT', transport, document);
      expect({ status, type: String(body['type']) }).toEqual({
        status: 422,
        type: expect.stringContaining('secret-needed') as string,
      });
    }
    expect((await service.call('PATCH', transport, { auth: { oauth2: { scope: 'smtp openid' } } })).status).toBe(200);
  });

  test('leave over http only to a host that the operator names, and never to a private address otherwise', async () => {
    const strict = await startService({ workers: 1 });
    const server = await startServer();
    try {
      await strict.ok('PUT', '/v1/tenants/acme', {});
      const path = '/v1/tenants/acme/transports/default';
      const { status, body } = await strict.call('PUT', path, transportOf(server, credentials()));
      expect(status).toBe(422);
      expect(body).toMatchObject({ errors: [{ path: '/auth/oauth2/tokenUrl' }] });
      const secure = credentials({ tokenUrl: `${oidc.url}/token`.replace('http:', 'https:') });
      await strict.ok('PUT', path, transportOf(server, secure));
      const asked = await counting(async () => {
        const { reply } = await strict.ok<{ reply: string }>('POST', `${path}/verify`);
        expect(reply).toContain('127.0.0.1 is not on the public network');
      });
      expect(asked).toBe(0);
    } finally {
      await strict.close();
    }
  });

  test('stand nowhere in clear: answers, logs, the dialogue of an email, the audit, Redis', async () => {
    const server = await startServer();
    const refreshToken = await oidc.refreshToken('person', USER);
    const person = credentials({ clientId: 'person', grant: 'refresh_token', refreshToken, scope: undefined });
    const { emails, queue, transport } = await setUp('secretive', server, person, { log: 'dialogue' });
    const { id } = await send(emails);
    await untilState(service, queue, id, 'sent');
    const never = await startServer({}, ['OAUTHBEARER'], () => false);
    const other = await setUp('secretive-too', never, credentials(), { log: 'dialogue' });
    const refused = await send(other.emails);
    await eventually(async () => expect((await service.email(other.queue, refused.id)).attempts).toHaveLength(1));
    for (const path of [
      transport,
      `${emails}/${id}`,
      `${emails}/${id}/log`,
      `${other.emails}/${refused.id}/log`,
      '/v1/audit',
    ])
      answers.push(JSON.stringify((await service.call('GET', path)).body));
    const dialogue = answers.find((answer) => answer.includes('AUTH XOAUTH2'));
    expect(dialogue).toBeDefined();

    const redis = openClient(service.redis.url);
    const stored = await dump(redis);
    redis.disconnect();
    expect(stored).toContain('access-token');
    const everything = { answers: answers.join('\n'), logs: workers.flatMap(({ log }) => log).join('\n'), stored };
    const secrets = [
      SECRET,
      WRONG,
      refreshToken,
      ...oidc.privateKey.split('\n').filter((line) => line.length > 40),
      ...shown,
    ];
    expect(secrets.length).toBeGreaterThan(20);
    for (const [where, text] of Object.entries(everything))
      for (const secret of secrets)
        for (const form of formsOf(secret)) if (text.includes(form)) throw new Error(`${where}: ${form} of ${secret}`);
    expect(everything.answers).not.toContain(OPERATOR_KEY);
  });
});

/** The secret, and what of its base64 does not depend on what stands around it. */
const formsOf = (secret: string): string[] => [
  secret,
  ...[0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  ),
];

/** Every value in Redis, as text. */
const dump = async (redis: Redis): Promise<string> => {
  const parts: string[] = [];
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key);
    const value =
      type === 'string'
        ? await redis.get(key)
        : type === 'hash'
          ? await redis.hgetall(key)
          : type === 'list'
            ? await redis.lrange(key, 0, -1)
            : type === 'set'
              ? await redis.smembers(key)
              : type === 'zset'
                ? await redis.zrange(key, '0', '-1')
                : await redis.xrange(key, '-', '+');
    parts.push(`${key} ${JSON.stringify(value)}`);
  }
  return parts.join('\n');
};
