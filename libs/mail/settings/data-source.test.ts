// Which addresses are under an allowed prefix, however they are spelled.
import { isAllowedSource, SourcePrefix, SourceUrl } from './data-source';

const PREFIXES = ['https://erp.acme.example/mail-data', 'https://dms.acme.example:8443/docs/', 'http://[2001:db8::1]/'];

test.each([
  'https://erp.acme.example/mail-data',
  'https://erp.acme.example/mail-data/114',
  'https://erp.acme.example/mail-data?id=1&x=../..',
  'https://ERP.acme.example:443/mail-data/a%20b/100%25',
  'https://erp.acme.example/other/../mail-data/1',
  'https://dms.acme.example:8443/docs/a/b.pdf',
  'http://[2001:DB8:0::1]/x',
])('%s is allowed', (url) => {
  expect(isAllowedSource(url, PREFIXES)).toBe(true);
});

test.each([
  'http://erp.acme.example/mail-data/1',
  'https://erp.acme.example:8443/mail-data/1',
  'https://erp.acme.example/mail-database',
  'https://erp.acme.example/Mail-Data/1',
  'https://erp.acme.example.evil.example/mail-data/1',
  'https://erp.acme.example./mail-data/1',
  'https://evil.example/https://erp.acme.example/mail-data/1',
  'https://erp.acme.example@evil.example/mail-data/1',
  'https://user:pass@erp.acme.example/mail-data/1',
  'https://evil.example\\@erp.acme.example/mail-data/1',
  'https://erp.acme.example/mail-data/../admin',
  'https://erp.acme.example/mail-data/%2e%2e/admin',
  'https://erp.acme.example/mail-data/.%2E/admin',
  'https://erp.acme.example/mail-data/..%2fadmin',
  'https://erp.acme.example/mail-data/..%5cadmin',
  'https://erp.acme.example/mail-data/%252e%252e/admin',
  'https://erp.acme.example/mail-data/%252e%252e%252fadmin',
  'https://erp.acme.example/mail-data/%25252e%25252e%25252fadmin',
  'https://erp.acme.example/mail-data/..;/admin',
  'https://erp.acme.example/mail-data/..;x=1/admin',
  'https://erp.acme.example/mail-data/%2e%2e;/admin',
  'https://erp.acme.example/mail-data/a%2fb',
  'https://erp.acme.example/mail-data/%c0%ae%c0%ae/admin',
  'https://erp.acme.example/mail-data/%00',
  'https://erp.acme.example/mail-data/%',
  'https://dms.acme.example:8443/docs',
  'https://dms.acme.example:8443/docs-of-others/1',
  'file:///etc/passwd',
  'ftp://erp.acme.example/mail-data/1',
  'no address',
  '',
])('%s is not', (url) => {
  expect(isAllowedSource(url, PREFIXES)).toBe(false);
});

test('no prefix allows nothing', () => {
  expect(isAllowedSource('https://erp.acme.example/', [])).toBe(false);
});

test.each([
  'https://a.example/?x',
  'https://a.example/#x',
  'https://u@a.example/',
  'https://a.example/a%2fb',
  'a.example',
])('%s is no prefix', (text) => {
  expect(SourcePrefix.safeParse(text).success).toBe(false);
});

test.each(['https://a.example/a\nb', ' https://a.example/', 'https://ä.example/', 'https://', 'javascript:alert(1)'])(
  '%j is no address of a document',
  (text) => {
    expect(SourceUrl.safeParse(text).success).toBe(false);
  },
);
