// Signing in at the organisation's identity provider: who somebody is then, and where they may act; by plain HTTP, against a real provider.
import { startFederation, Visitor, type Federation } from '../../support/identity/identity-provider';
import { eventually } from '../../support/wait';

const ACCOUNTS = {
  olga: { name: 'Olga Operator', preferred_username: 'olga', groups: ['mail-team', 'acme-mail'] },
  adam: {
    name: 'Adam (admin 0123456789ab) <x>',
    preferred_username: 'adam@acme.example',
    groups: ['acme-mail', 'acme-help'],
  },
  rita: { name: 'Rita Reader', email: 'rita@acme.example', email_verified: true, groups: ['acme-help'] },
  both: { name: 'Bea Both', preferred_username: 'bea', groups: ['acme-help', 'beta-mail'] },
  nora: { name: 'Nora None', preferred_username: 'nora', groups: [] as string[] },
  otto: { name: 'Otto Other', preferred_username: 'otto', groups: ['football', '<b>choir</b>'] },
  mute: { name: 'Mute' },
  gone: { name: 'Gone', groups: ['ghost-mail'] },
};
const RULES = [
  { group: 'mail-team', role: 'operator' as const },
  { group: 'acme-mail', role: 'admin' as const, tenant: 'acme' },
  { group: 'acme-help', role: 'reader' as const, tenant: 'acme' },
  { group: 'beta-mail', role: 'admin' as const, tenant: 'beta' },
  { group: 'ghost-mail', role: 'admin' as const, tenant: 'ghost' },
];

let federation: Federation;

beforeAll(async () => {
  federation = await startFederation({ rules: RULES, accounts: ACCOUNTS });
  for (const tenant of ['acme', 'beta']) await federation.service.ok('PUT', `/v1/tenants/${tenant}`, {});
});
afterAll(() => federation.close());

const signedIn = async (login: string, to?: string) => {
  const visitor = new Visitor();
  const answer = await visitor.signIn(federation.service, login, to);
  return { visitor, ...answer };
};
const page = async (visitor: Visitor, path: string, { service } = federation) =>
  (await visitor.ask(`${service.url}${path}`)).text();

test('groups become a role and tenants; who acted is a person', async () => {
  const { service } = federation;
  const { visitor, status, text } = await signedIn('adam', '/keys');
  expect([status, text]).toEqual([200, expect.stringContaining('content="0;url=/keys"') as string]);
  expect(await page(visitor, '/')).toContain('Adam admin 0123456789ab x · acme');
  const form = { do: 'issue', role: 'sender', tenant: 'acme', name: 'of Adam' };
  expect((await visitor.ask(`${service.url}/keys`, form)).status).toBe(201);
  const { entries } = await service.ok<{ entries: { by: string; what: string; tenant: string }[] }>('GET', '/v1/audit');
  const by = 'Adam admin 0123456789ab x <adam@acme.example> (admin)';
  expect(entries.slice(0, 2)).toMatchObject([
    { by, what: 'key issued (sender)', tenant: 'acme' },
    { by, what: 'session started', tenant: 'acme', fields: { groups: { after: ['acme-mail', 'acme-help'] } } },
  ]);
  // A key outlives the session of whoever issued it.
  const { keys } = await service.ok<{ keys: { id: string; issuedBy: string }[] }>('GET', '/v1/keys');
  expect(keys.map(({ issuedBy }) => issuedBy)).toEqual(['Adam admin 0123456789ab x <adam@acme.example>']);
  expect(await page(visitor, '/keys')).toContain('Adam admin 0123456789ab x &lt;adam@acme.example&gt;');

  const olga = (await signedIn('olga')).visitor;
  expect(await page(olga, '/tenants')).toContain('beta');
  expect((await olga.ask(`${service.url}/board/`)).status).toBe(200);
  const rita = (await signedIn('rita')).visitor;
  expect((await rita.ask(`${service.url}/board/`)).status).toBe(401);
  expect((await rita.ask(`${service.url}/tenants/beta`)).status).toBe(404);
  expect((await rita.ask(`${service.url}/keys`, form)).status).toBe(403);
  expect((await rita.ask(`${service.url}/v1/keys`)).status).toBe(401);
});

test('a key that a person issued is good after they signed out', async () => {
  const { service } = federation;
  const { visitor } = await signedIn('adam');
  const answer = await visitor.ask(`${service.url}/keys`, {
    do: 'issue',
    role: 'reader',
    tenant: 'acme',
    name: 'lasting',
  });
  const [key = ''] = /rp_[0-9a-f]{12}_[\w-]{43}/.exec(await answer.text()) ?? [];
  await visitor.ask(`${service.url}/session/end`, { all: '1' });
  expect(await visitor.isIn(service)).toBe(false);
  expect((await service.call('GET', '/v1/tenants/acme', undefined, { key })).status).toBe(200);
});

test('whose groups are of several tenants works in one at a time, and chooses', async () => {
  const { service } = federation;
  const { visitor, text } = await signedIn('both');
  expect(text).toContain('content="0;url=/session/place?to=%2F"');
  expect(await page(visitor, '/')).toContain('Bea Both · acme');
  const before = visitor.session(service);
  expect((await visitor.ask(`${service.url}/session/place`, { tenant: 'ghost' })).status).toBe(404);
  const foreign = { origin: 'https://evil.example' };
  expect((await visitor.ask(`${service.url}/session/place`, { tenant: 'beta' }, foreign)).status).toBe(403);
  expect(
    (await visitor.ask(`${service.url}/session/place`, { tenant: 'beta', to: '//evil.example' })).headers.get(
      'location',
    ),
  ).toBe('/');
  expect(visitor.session(service)).not.toBe(before);
  expect(await page(visitor, '/')).toContain('Bea Both · beta');
  expect((await visitor.ask(`${service.url}/tenants/acme`)).status).toBe(404);
  const former = await fetch(service.url, { headers: { cookie: `rohrpost_session=${before}` } });
  expect(await former.text()).not.toContain('class="bar"');
  // Each tenant hears of who works in it, and of the groups that matter there.
  const startsIn = async (tenant: string) => {
    const answer = await service.ok<{ entries: { by: string; what: string; fields: unknown }[] }>(
      'GET',
      `/v1/audit?tenant=${tenant}&by=Bea`,
    );
    return answer.entries.filter(({ what }) => what === 'session started').map(({ fields }) => fields);
  };
  expect(await startsIn('acme')).toEqual([]);
  expect(await startsIn('beta')).toMatchObject([{ groups: { after: ['beta-mail'] } }]);
  // The address that somebody was on the way to has chosen already.
  expect((await signedIn('both', '/tenants/beta')).text).toContain('content="0;url=/tenants/beta"');
});

test('whoever gets nowhere is told why, in their language, and may be somebody else', async () => {
  const said = async (login: string) => (await signedIn(login)).text;
  expect(await said('nora')).toContain('knows you as nora, but you are in no group there');
  expect(await said('otto')).toContain('none of your groups has access here: football, &lt;b&gt;choir&lt;/b&gt;');
  expect(await said('mute')).toContain('there is no claim “groups”');
  expect(await said('gone')).toContain('tenant ghost');
  const { visitor, text } = await signedIn('nora');
  expect(text).toContain('/session/oidc?as=other');
  expect(visitor.session(federation.service)).toBeUndefined();
  const german = new Visitor();
  const begun = await german.ask(`${federation.service.url}/session/oidc`, undefined, { 'accept-language': 'de' });
  const back = await german.logIn(begun.headers.get('location') ?? '', { login: 'nora' });
  expect(await (await german.ask(back)).text()).toContain('Sie sind dort aber in keiner Gruppe');
});

test('a sign-out leads on to the provider, and may end all sessions of one person and of nobody else', async () => {
  const { service } = federation;
  const [one, other] = [(await signedIn('rita')).visitor, (await signedIn('rita')).visitor];
  const somebodyElse = (await signedIn('adam')).visitor;
  const ended = await other.ask(`${service.url}/session/end`, { all: '1' });
  const text = await ended.text();
  expect(text).toMatch(/content="0;url=http:\/\/localhost:\d+\/session\/end\?[^"]*id_token_hint=/);
  expect([await one.isIn(service), await other.isIn(service), await somebodyElse.isIn(service)]).toEqual([
    false,
    false,
    true,
  ]);
});

test('a group that was taken away is felt when the session ends at the latest; groups and names may be in UserInfo alone', async () => {
  const short = await startFederation({ rules: RULES, accounts: ACCOUNTS, sessionMs: 2_000, userinfo: true });
  try {
    await short.service.ok('PUT', '/v1/tenants/acme', {});
    const visitor = new Visitor();
    await visitor.signIn(short.service, 'adam');
    const began = performance.now();
    expect(await page(visitor, '/', short)).toContain('Adam admin 0123456789ab x · acme');
    await short.provider.set({ accounts: { ...ACCOUNTS, adam: { ...ACCOUNTS.adam, groups: ['acme-help'] } } });
    // Each request keeps a session; none keeps it beyond its end.
    await eventually(async () => expect(await visitor.isIn(short.service)).toBe(false));
    expect(performance.now() - began).toBeLessThan(5_000);
    await visitor.signIn(short.service, 'adam');
    expect(
      (await visitor.ask(`${short.service.url}/keys`, { do: 'issue', role: 'reader', tenant: 'acme' })).status,
    ).toBe(403);
  } finally {
    await short.close();
  }
});

test('two tabs sign in side by side: the one that began last gets in', async () => {
  const { service } = federation;
  const visitor = new Visitor();
  const [first, second] = [await visitor.begin(service), await visitor.begin(service)];
  const back = await visitor.logIn(first, { login: 'rita' });
  expect((await visitor.ask(back)).status).toBe(403);
  expect((await visitor.ask(await visitor.logIn(second, { login: 'rita' }))).status).toBe(200);
  expect(await visitor.isIn(service)).toBe(true);
});

test('an address too long for a cookie leads to the start page', async () => {
  const { text } = await signedIn('rita', `/tenants/acme?about=${'x'.repeat(4_000)}`);
  expect(text).toContain('content="0;url=/"');
});

test('a session does not outlive its tenant, also where one of the same name follows', async () => {
  const { service } = federation;
  const { visitor } = await signedIn('both', '/tenants/beta');
  expect(await visitor.isIn(service)).toBe(true);
  expect((await service.call('DELETE', '/v1/tenants/beta')).status).toBeLessThan(300);
  expect(await visitor.isIn(service)).toBe(false);
  await service.ok('PUT', '/v1/tenants/beta', {});
  await eventually(async () => expect((await signedIn('both', '/tenants/beta')).status).toBe(200));
  expect(await visitor.isIn(service)).toBe(false);
});

test('wrong keys of a network keep nobody there from signing in', async () => {
  const { service } = federation;
  const statuses: number[] = [];
  for (let count = 0; count < 102; count++)
    statuses.push((await service.call('GET', '/v1/keys', undefined, { key: `wrong-${count}` })).status);
  expect(statuses.at(-1)).toBe(429);
  expect((await signedIn('rita')).status).toBe(200);
});
