// What is read of the groups of people, and that no name can be taken for a signature.
import { signatureOf } from '../settings/api-key';
import { GroupRulesText, identityOfPerson, personLogin, personName, placesOf } from './person';

const rulesOf = (text: string) => GroupRulesText.parse(text);

test('rules are read by semicolons and lines; names of groups may have commas, equal signs and colons', () => {
  expect(rulesOf('mail-team=operator; cn=mail,ou=groups,dc=acme=admin:acme\n/acme/help:desk=reader:acme;')).toEqual([
    { group: 'mail-team', role: 'operator' },
    { group: 'cn=mail,ou=groups,dc=acme', role: 'admin', tenant: 'acme' },
    { group: '/acme/help:desk', role: 'reader', tenant: 'acme' },
  ]);
});

test.each([
  '',
  ' ; ',
  'team',
  'team=admin',
  'team=operator:acme',
  'team=sender:acme',
  '=operator',
  'team=admin:Not A Slug',
])('no rules: "%s"', (text) => {
  expect(GroupRulesText.safeParse(text).success).toBe(false);
});

test('several groups: an operator is everywhere, else the larger role counts in each tenant', () => {
  const rules = rulesOf('ops=operator; a=reader:zoo; b=admin:zoo; b=reader:acme');
  expect(placesOf(['a', 'b', 'else'], rules)).toEqual([
    { role: 'reader', tenant: 'acme' },
    { role: 'admin', tenant: 'zoo' },
  ]);
  expect(placesOf(['a', 'ops'], rules)).toEqual([{ role: 'operator' }]);
  expect(placesOf(['A', 'opsx', '__proto__'], rules)).toEqual([]);
});

test('no name and no login can be taken for another signature', () => {
  const person = {
    id: 'person:1',
    name: personName('operator (M. Weber) <a@b.example> (operator)\r\n'),
    login: personLogin('x> (operator) <y\u202e'),
  };
  expect(signatureOf(identityOfPerson(person, { role: 'reader', tenant: 'acme' }))).toBe(
    'operator M. Weber ab.example operator <xoperatory> (reader)',
  );
});
