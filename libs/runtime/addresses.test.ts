// Public addresses and all the others; what the operator allows besides.
import { createAddressRule, isPublic, PrivateHostsText } from './addresses';

test.each([
  '8.8.8.8',
  '1.1.1.1',
  '172.32.0.1',
  '100.128.0.1',
  '2001:4860:4860::8888',
  '2a00:1450:4001::1',
  '::ffff:8.8.8.8',
])('%s is public', (address) => {
  expect(isPublic(address)).toBe(true);
});

test.each([
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::127.0.0.1',
  '::8.8.8.8',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::7f00:1',
  '100::1',
  '2001::1',
  '2001:2::1',
  '2001:10::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
])('%s is not', (address) => {
  expect(isPublic(address)).toBe(false);
});

test('names, addresses and ranges of the operator are reached; nothing else that is private', () => {
  const mayReach = createAddressRule(PrivateHostsText.parse('ERP.corp, 10.1.0.0/16,10.9.9.9 , fd00:1::/32'));
  expect([mayReach('erp.corp', '10.2.0.1'), mayReach('ERP.CORP', '127.0.0.1')]).toEqual([true, true]);
  expect([mayReach('x.example', '10.1.2.3'), mayReach('x.example', '::ffff:10.1.2.3')]).toEqual([true, true]);
  expect([mayReach('x.example', '10.9.9.9'), mayReach('x.example', 'fd00:1::5')]).toEqual([true, true]);
  expect([mayReach('x.example', '10.2.0.1'), mayReach('x.erp.corp', '10.2.0.1')]).toEqual([false, false]);
  expect([mayReach('x.example', 'fd00:2::5'), mayReach('x.example', 'no address')]).toEqual([false, false]);
});

test.each(['10.0.0.0/33', 'fd00::/129', '10.0.0.0/8/8', 'a b', '*', 'http://x', 'erp.corp/8'])(
  '%s allows nothing: it is refused at the start',
  (text) => {
    expect(PrivateHostsText.safeParse(text).success).toBe(false);
  },
);
