// Words of others in the log, without the addresses of those whose mail it is.
import { withoutAddresses } from './mail-log';

test.each<[string, string]>([
  ['550 5.1.1 <ann@example.org>: Recipient address rejected', '550 5.1.1 <(address)>: Recipient address rejected'],
  ['ann@example.org: 550 no such user ann', '(address): 550 no such user (address)'],
  ['to=<ann+tag@example.org>,from=<a.b@x.example>;', 'to=<(address)>,from=<(address)>;'],
  ['mailto:ann@example.org and "ann b"@example.org', 'mailto:(address) and (address)'],
  ['für jörg@bücher.example', 'für (address)'],
  ['/v1/tenants/acme/suppressions/ann%40example.org', '/v1/tenants/acme/suppressions/(address)'],
  ['user Ann unknown, annexe stays', 'user (address) unknown, annexe stays'],
  ['a @ b, and @', 'a @ b, and @'],
])('%s', (text, expected) => {
  expect(withoutAddresses(text, ['ann@example.org'])).toBe(expected);
});

test('a long line without an address takes no time', () => {
  const begun = performance.now();
  expect(withoutAddresses('x'.repeat(100_000))).toHaveLength(500);
  expect(performance.now() - begun).toBeLessThan(200);
});
