// The identity provider is away, slow or broken: keys are good all the while, and everybody reads why.
import { startFederation, Visitor, type Federation } from '../../support/identity/identity-provider';
import { OPERATOR_KEY } from '../../support/service';

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

test('the API starts without it; while it is away, broken or silent people sign in by keys, and read why', async () => {
  const { service, provider } = federation;
  expect(await provider.requests()).toEqual([]);
  for (const mode of ['refuse', '500', 'hang'] as const) {
    await provider.set({ mode });
    const began = performance.now();
    const answer = await new Visitor().ask(`${service.url}/session/oidc?to=/queues`);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([503, expect.stringContaining('cannot be asked now') as string]);
    expect(performance.now() - began).toBeLessThan(7_000);
    // What the reader wanted is not forgotten.
    expect(text).toContain('name="to" value="/queues"');
    const byKey = new Visitor();
    expect((await byKey.ask(`${service.url}/session`, { key: OPERATOR_KEY })).status).toBe(303);
  }
  await provider.set({ mode: 'ok' });
  expect((await new Visitor().signIn(service, 'rita')).status).toBe(200);
});

test('it goes away between the two halves of a sign-in, and before somebody signs out', async () => {
  const { service, provider } = federation;
  const [late, inside] = [new Visitor(), new Visitor()];
  await inside.signIn(service, 'rita');
  const back = await late.logIn(await late.begin(service), { login: 'rita' });
  await provider.set({ mode: 'refuse' });
  expect((await late.ask(back)).status).toBe(503);
  // Whoever is in stays in, and can leave.
  expect(await inside.isIn(service)).toBe(true);
  expect((await inside.ask(`${service.url}/session/end`, {})).status).toBe(200);
  expect(await inside.isIn(service)).toBe(false);
  await provider.set({ mode: 'ok' });
});
