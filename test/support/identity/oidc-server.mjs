// An authorization server in a process of its own (oidc-provider is an ES module), steered by messages from `oidc-process.ts`.
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { clients, publicKey, accounts } = JSON.parse(process.argv[2] ?? '');

/** What the next answers are: `mode` is `ok`, `500`, `hang` or `refuse`; `life` of a token in seconds. */
const state = { mode: 'ok', life: 3_600, requests: 0 };
/** Tokens of the JWT bearer grant, which oidc-provider does not have. */
const own = new Map();

const bodyOf = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
};

/** Google's endpoint in small: a signed assertion of a service account for a mailbox (RFC 7523 section 3). */
const jwtBearer = async (request, response) => {
  const say = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const form = await bodyOf(request);
  const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const isSigned = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'));
  const { alg } = JSON.parse(Buffer.from(head, 'base64url'));
  const { iss, sub, aud, exp, scope } = JSON.parse(Buffer.from(claims, 'base64url'));
  const isFine =
    form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
    isSigned &&
    alg === 'RS256' &&
    iss === 'service-account' &&
    accounts.includes(sub) &&
    aud === `${issuer}/jwt-bearer` &&
    scope === 'https://mail.example/' &&
    exp * 1_000 > Date.now();
  if (!isFine) return say(400, { error: 'invalid_grant', error_description: 'this assertion is not good' });
  const token = randomBytes(32).toString('base64url');
  own.set(token, { user: sub, until: Date.now() + state.life * 1_000 });
  return say(200, { access_token: token, token_type: 'Bearer', expires_in: state.life });
};

const server = createServer((request, response) => {
  if (request.method === 'POST') state.requests++;
  if (state.mode === 'hang') return;
  if (state.mode === '500') return response.writeHead(500).end('out of order');
  if (request.url === '/jwt-bearer') return void jwtBearer(request, response);
  return provider.callback()(request, response);
});
const listen = async (port) => {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
};
const port = await listen(0);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: clients.map((client) => ({
    redirect_uris: client.grant_types.includes('refresh_token') ? ['https://app.example/back'] : [],
    response_types: client.grant_types.includes('refresh_token') ? ['code'] : [],
    ...client,
    ...(client.token_endpoint_auth_method === 'private_key_jwt' && {
      jwks: { keys: [{ ...createPublicKey(publicKey).export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    }),
  })),
  clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
  scopes: ['openid', 'offline_access', 'smtp'],
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: {
    ClientCredentials: () => state.life,
    AccessToken: () => state.life,
    RefreshToken: 86_400,
    Grant: 86_400,
    IdToken: 60,
  },
  cookies: { keys: ['of-the-tests'] },
});

const found = async (token) =>
  (await provider.ClientCredentials.find(token)) ?? (await provider.AccessToken.find(token)) ?? undefined;

const orders = {
  async set(change) {
    if (change.mode === 'refuse') {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    } else if (change.mode !== undefined && !server.listening) await listen(port);
    if (change.mode !== undefined && state.mode === 'hang') server.closeAllConnections();
    Object.assign(state, change);
  },
  requests: () => state.requests,
  /** Is this token good for this mailbox now? An application's own tokens are good for every mailbox. */
  async check({ user, token }) {
    const mine = own.get(token);
    if (mine !== undefined) return mine.user === user && mine.until > Date.now();
    const one = await found(token);
    return one !== undefined && one.isValid && (one.accountId === undefined || one.accountId === user);
  },
  async revoke({ token }) {
    own.delete(token);
    await (await found(token))?.destroy();
  },
  /** What a person gets who consents in a browser. */
  async refreshToken({ clientId, accountId }) {
    const grant = new provider.Grant({ clientId, accountId });
    grant.addOIDCScope('openid offline_access smtp');
    const grantId = await grant.save();
    const client = await provider.Client.find(clientId);
    const scope = 'openid offline_access smtp';
    return new provider.RefreshToken({ accountId, client, grantId, scope, gty: 'authorization_code' }).save();
  },
};

process.on('message', ({ id, order, given }) => {
  Promise.resolve(orders[order](given)).then(
    (result) => process.send({ id, result }),
    (error) => process.send({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: issuer });
