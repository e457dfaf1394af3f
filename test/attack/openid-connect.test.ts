// What an attacker may try at a sign-in by OpenID Connect, against a real provider: nobody becomes somebody else.
import { startFederation, Visitor, type Federation, type Forgery } from '../support/identity/identity-provider';

const ACCOUNTS = {
  olga: { name: 'Olga Operator', preferred_username: 'olga', groups: ['mail-team'] },
  rita: { name: 'Rita Reader', preferred_username: 'rita', groups: ['acme-help'] },
};
const RULES = [
  { group: 'mail-team', role: 'operator' as const },
  { group: 'acme-help', role: 'reader' as const, tenant: 'acme' },
];

let federation: Federation;

beforeAll(async () => {
  federation = await startFederation({ rules: RULES, accounts: ACCOUNTS });
  await federation.service.ok('PUT', '/v1/tenants/acme', {});
});
afterAll(() => federation.close());
afterEach(() => federation.provider.set({ forge: 'none' }));

const signedIn = async (login: string, to?: string) => {
  const visitor = new Visitor();
  const answer = await visitor.signIn(federation.service, login, to);
  return { visitor, ...answer };
};

test('a sign-in that another browser began ends nowhere: no login CSRF, no planted session', async () => {
  const { service } = federation;
  const attacker = new Visitor();
  const back = await attacker.logIn(await attacker.begin(service), { login: 'olga' });
  const victim = new Visitor();
  const answer = await victim.ask(back);
  expect([answer.status, await answer.text()]).toEqual([
    403,
    expect.stringContaining('not begun in this browser') as string,
  ]);
  expect(victim.session(service)).toBeUndefined();
  // Also where the victim is in the middle of a sign-in.
  await victim.begin(service);
  expect((await victim.ask(back)).status).toBe(403);
  // A session that somebody planted is none, and is not the one that follows.
  const planted = 'A'.repeat(43);
  victim.cookies.get(new URL(service.url).host)?.set('rohrpost_session', planted);
  await victim.signIn(service, 'rita');
  expect([victim.session(service) === planted, await victim.isIn(service)]).toEqual([false, true]);
});

test('a wrong state, a changed cookie, a code twice and one of nobody', async () => {
  const { service, provider } = federation;
  const visitor = new Visitor();
  const wrong = new URL(await visitor.logIn(await visitor.begin(service), { login: 'olga' }));
  wrong.searchParams.set('state', 'guessed');
  expect((await visitor.ask(wrong.href)).status).toBe(403);
  const asked = (await provider.requests()).filter((path) => path === '/token').length;

  const jar = () => visitor.cookies.get(new URL(service.url).host);
  const back = await visitor.logIn(await visitor.begin(service), { login: 'olga' });
  const kept = jar()?.get('rohrpost_signin') ?? '';
  jar()?.set('rohrpost_signin', `${kept.slice(0, -4)}AAAA`);
  expect((await visitor.ask(back)).status).toBe(403);
  expect((await provider.requests()).filter((path) => path === '/token')).toHaveLength(asked);

  jar()?.set('rohrpost_signin', kept);
  expect((await visitor.ask(back)).status).toBe(200);
  jar()?.set('rohrpost_signin', kept);
  const again = await visitor.ask(back);
  expect([again.status, await again.text()]).toEqual([403, expect.stringContaining('did not vouch for you') as string]);

  // The code of one sign-in in the place of another's: the verifier is not the same.
  const stolen = new URL(await new Visitor().logIn(await new Visitor().begin(service), { login: 'olga' }));
  const mine = new URL(await visitor.logIn(await visitor.begin(service), { login: 'rita' }));
  mine.searchParams.set('code', stolen.searchParams.get('code') ?? '');
  const fresh = new Visitor();
  fresh.cookies.set(new URL(service.url).host, new Map([['rohrpost_signin', jar()?.get('rohrpost_signin') ?? '']]));
  expect([(await fresh.ask(mine.href)).status, fresh.session(service)]).toEqual([403, undefined]);
});

test('the answer of another issuer is not taken, and neither is a refusal taken for anything else', async () => {
  const { service } = federation;
  const visitor = new Visitor();
  const mixed = new URL(await visitor.logIn(await visitor.begin(service), { login: 'olga' }));
  mixed.searchParams.set('iss', 'https://evil.example');
  expect((await visitor.ask(mixed.href)).status).toBe(403);
  const denied = await visitor.ask(await new Visitor().logIn(await visitor.begin(service), { deny: '1' }));
  expect([denied.status, await denied.text()]).toEqual([403, expect.stringContaining('access_denied') as string]);
  expect(visitor.session(service)).toBeUndefined();
});

test.each<[Forgery, RegExp]>([
  ['key', /signature verification failed/],
  ['unsigned', /"alg"/],
  ['secret', /"alg"/],
  ['audience', /"aud"/],
  ['issuer', /"iss"/],
  ['nonce', /"nonce"/],
  ['expired', /past current timestamp/],
])('an ID token of a wrong kind (%s) is refused for what is wrong with it', async (forge, why) => {
  await federation.provider.set({ forge });
  const { visitor, status, text } = await signedIn('olga');
  expect([status, visitor.session(federation.service)]).toEqual([403, undefined]);
  expect(/did not vouch for you: “(.*)”/.exec(text)?.[1]?.replace(/&quot;/g, '"')).toMatch(why);
});

test('a clock that is half a minute off is no forgery', async () => {
  await federation.provider.set({ forge: 'skewed' });
  expect((await signedIn('rita')).status).toBe(200);
});

test('the way back leads to no other site, and another site begins nothing', async () => {
  const { service } = federation;
  for (const to of [
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/\t/evil.example',
  ])
    expect((await signedIn('rita', to)).text).toContain('content="0;url=/"');
  const visitor = new Visitor();
  const answer = await visitor.ask(`${service.url}/session/oidc`, undefined, { 'sec-fetch-site': 'cross-site' });
  expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
});

test('cookies: one for the way back alone, sealed; the session for no other site', async () => {
  const { service } = federation;
  const visitor = new Visitor();
  const begun = await fetch(`${service.url}/session/oidc`, { redirect: 'manual' });
  expect(begun.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^rohrpost_signin=v1\..*HttpOnly; SameSite=Lax/),
  ]);
  const url = new URL(begun.headers.get('location') ?? '');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    code_challenge_method: 'S256',
    response_type: 'code',
    redirect_uri: `${service.url}/session/oidc/return`,
  });
  const answer = await visitor.ask(await visitor.logIn(await visitor.begin(service), { login: 'rita' }));
  expect(answer.headers.getSetCookie().find((one) => one.startsWith('rohrpost_session='))).toMatch(
    /Max-Age=28800;.*HttpOnly; SameSite=Strict/,
  );
});
