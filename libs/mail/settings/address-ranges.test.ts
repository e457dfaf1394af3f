// Addresses in all their spellings lie where they belong.
import { isRangeWithin, isWithin, networkOf } from './address-ranges';

test.each<[string, string[], boolean]>([
  ['10.1.2.3', ['10.0.0.0/8'], true],
  ['11.1.2.3', ['10.0.0.0/8', '192.0.2.1'], false],
  ['192.0.2.1', ['10.0.0.0/8', '192.0.2.1'], true],
  ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
  ['::ffff:a01:203', ['10.0.0.0/8'], true],
  ['::FFFF:A01:203%eth0', ['10.0.0.0/8'], true],
  ['10.1.2.3', ['::/0'], false],
  ['2001:db8::1', ['0.0.0.0/0'], false],
  ['2001:0DB8:0:0::1', ['2001:db8::/32'], true],
  ['2001:db9::1', ['2001:db8::/32'], false],
  ['::', ['::/128'], true],
  ['', ['0.0.0.0/0', '::/0'], false],
  ['10.1.2.3:5555', ['0.0.0.0/0'], false],
])('%s in %j: %s', (address, ranges, expected) => {
  expect(isWithin(address, ranges)).toBe(expected);
});

test.each<[string, string[], boolean]>([
  ['10.1.0.0/16', ['10.0.0.0/8'], true],
  ['10.0.0.0/8', ['10.0.0.0/8'], true],
  ['10.0.0.0/7', ['10.0.0.0/8'], false],
  ['0.0.0.0/0', ['10.0.0.0/8', '::/0'], false],
  ['10.1.2.3', ['10.1.2.3/32'], true],
  ['2001:db8:1::/48', ['10.0.0.0/8', '2001:db8::/32'], true],
  ['2001:db8::/31', ['2001:db8::/32'], false],
])('all of %s in %j: %s', (range, ranges, expected) => {
  expect(isRangeWithin(range, ranges)).toBe(expected);
});

test('an IPv6 network counts as one', () => {
  expect(networkOf('2001:db8:7:7::1')).toBe('2001:db8:7:7::/64');
  expect(networkOf('2001:db8:7:7:8:9:a:b%eth0')).toBe('2001:db8:7:7::/64');
  expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(networkOf('192.0.2.1')).toBe('192.0.2.1');
  expect(networkOf('x'.repeat(100))).toBe('x'.repeat(60));
});
