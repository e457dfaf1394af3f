// Who somebody is by what the provider says, and how long their session holds.
import { createPeople, groupsIn, personOf } from './person';

const vouched = (claims: Record<string, unknown>) => ({
  issuer: 'https://login.example',
  subject: 'a1',
  idToken: '',
  claims,
});

test('only issuer and subject make a person; what they are called is shown', () => {
  const before = personOf(vouched({ name: 'Ann Old', preferred_username: 'ann.old' }));
  const after = personOf(vouched({ name: 'Ann New', preferred_username: 'ann.new' }));
  expect([before.id === after.id, after.name, after.login]).toEqual([true, 'Ann New', 'ann.new']);
  expect(personOf({ ...vouched({}), issuer: 'https://other.example' }).id).not.toBe(before.id);
  // An address that nobody has verified is nobody's.
  expect(personOf(vouched({ email: 'boss@acme.example' })).login).toBe('a1');
  expect(personOf(vouched({ email: 'ann@acme.example', email_verified: true })).login).toBe('ann@acme.example');
});

test('groups are texts: one, several, or not told', () => {
  expect(groupsIn({ groups: 'one' }, 'groups')).toEqual(['one']);
  expect(groupsIn({ groups: ['one', 2, null] }, 'groups')).toEqual(['one']);
  expect(groupsIn({}, 'groups')).toBeUndefined();
  expect(groupsIn({}, 'constructor')).toBeUndefined();
});

test('a session lasts only while the configuration knows its issuer and gives its groups the tenant', () => {
  const session = {
    ...personOf(vouched({})),
    issuer: 'https://login.example',
    groups: ['help'],
    tenant: 'acme',
    endsAt: '2030-01-01T00:00:00Z',
  };
  const rules = [{ group: 'help', role: 'reader' as const, tenant: 'acme' }];
  const now = (config: Parameters<typeof createPeople>[0]) => createPeople(config).identityOf(session)?.role;
  expect(now({ issuer: 'https://login.example', rules })).toBe('reader');
  expect(now({ issuer: 'https://login.example', rules: [{ group: 'help', role: 'admin', tenant: 'acme' }] })).toBe(
    'admin',
  );
  expect(
    now({ issuer: 'https://login.example', rules: [{ group: 'help', role: 'reader', tenant: 'beta' }] }),
  ).toBeUndefined();
  expect(now({ issuer: 'https://login.example', rules: [{ group: 'help', role: 'operator' }] })).toBeUndefined();
  expect(now({ issuer: 'https://new.example', rules })).toBeUndefined();
  expect(now(undefined)).toBeUndefined();
});
