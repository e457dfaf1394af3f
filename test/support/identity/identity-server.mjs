// An OpenID provider in a process of its own (oidc-provider is an ES module), steered by messages from `identity-provider.ts`.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { redirectUri, clientId, clientSecret, conformIdTokenClaims } = JSON.parse(process.argv[2] ?? '');

/** `mode`: `ok`, `500`, `hang` or `refuse`; `forge`: what becomes of ID tokens; `accounts`: claims by what people log in with. */
const state = { mode: 'ok', forge: 'none', accounts: {}, requests: [] };

const keyPair = () => generateKeyPairSync('rsa', { modulusLength: 2_048 });
const [own, foreign] = [keyPair(), keyPair()];
const KEY_ID = 'of-the-tests';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = (header, claims, key) => {
  const content = `${encode(header)}.${encode(claims)}`;
  return `${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`;
};
const head = { alg: 'RS256', kid: KEY_ID };
/** Another token in place of the right one. */
const FORGERIES = {
  key: (claims) => signed(head, claims, foreign.privateKey),
  unsigned: (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`,
  secret(claims) {
    const content = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
    return `${content}.${createHmac('sha256', clientSecret).update(content).digest('base64url')}`;
  },
  audience: (claims) => signed(head, { ...claims, aud: 'somebody-else' }, own.privateKey),
  issuer: (claims) => signed(head, { ...claims, iss: 'https://other.example' }, own.privateKey),
  nonce: (claims) => signed(head, { ...claims, nonce: 'of another sign-in' }, own.privateKey),
  expired: (claims) => signed(head, { ...claims, iat: claims.iat - 4_000, exp: claims.iat - 400 }, own.privateKey),
  /** Its clock is half a minute off. */
  skewed: (claims) => signed(head, { ...claims, iat: claims.iat + 30, exp: claims.iat - 30 }, own.privateKey),
};

const forged = (body) => {
  const answer = JSON.parse(body);
  const claims = JSON.parse(Buffer.from(answer.id_token.split('.')[1], 'base64url'));
  return JSON.stringify({ ...answer, id_token: FORGERIES[state.forge](claims) });
};

const page = (response, text) => response.writeHead(200, { 'content-type': 'text/html' }).end(text);

/** The page where people say who they are: whoever has an account is believed. */
const interact = async (request, response) => {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (request.method === 'GET' && prompt.name === 'login')
    return page(
      response,
      '<title>Provider</title><form method="post"><label>User <input name="login"></label><button>Log in</button></form>',
    );
  let accountId;
  if (prompt.name === 'login') {
    let text = '';
    for await (const chunk of request) text += chunk;
    const form = new URLSearchParams(text);
    if (form.has('deny')) return provider.interactionFinished(request, response, { error: 'access_denied' });
    accountId = form.get('login');
  } else accountId = (await provider.interactionDetails(request, response)).session.accountId;
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile email');
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { login: { accountId }, consent });
};

const server = createServer((request, response) => {
  const [path] = request.url.split('?');
  state.requests.push(path);
  if (state.mode === 'hang') return;
  if (state.mode === '500') return response.writeHead(500).end('out of order');
  if (path.startsWith('/interaction/'))
    return void interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  if (path === '/token' && state.forge !== 'none') {
    const end = response.end.bind(response);
    response.end = (body) => {
      const text = response.statusCode === 200 ? forged(body) : body;
      response.setHeader('content-length', Buffer.byteLength(text));
      return end(text);
    };
  }
  return provider.callback()(request, response);
});
const listen = async (port) => {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
};
const port = await listen(0);
// Another site than the service's 127.0.0.1, as in life.
const issuer = `http://localhost:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [new URL('/', redirectUri).href],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  jwks: { keys: [{ ...own.privateKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'RS256' }] },
  claims: { openid: ['sub', 'groups'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
  conformIdTokenClaims,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...state.accounts[id] }) }),
  cookies: { keys: ['of-the-tests'] },
});

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
};

process.on('message', ({ id, order, given }) => {
  Promise.resolve(orders[order](given)).then(
    (result) => process.send({ id, result }),
    (error) => process.send({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: issuer });
