// Redirects: which are followed.
import { FetchFailure } from './failure';
import { redirectOf } from './redirect';

const from = new URL('https://erp.example/mail-data/1?a=b');

test.each<[number, string | undefined, string | undefined]>([
  [302, '/other', 'https://erp.example/other'],
  [307, '2', 'https://erp.example/mail-data/2'],
  [308, 'https://dms.example/x', 'https://dms.example/x'],
  [301, '//dms.example/x', 'https://dms.example/x'],
  [302, undefined, undefined],
  [304, '/other', undefined],
  [200, '/other', undefined],
])('%d to %s leads to %s', (status, location, expected) => {
  expect(redirectOf(from, status, location, 0)?.href).toBe(expected);
});

test.each<[string, string, number]>([
  ['out of https', 'http://erp.example/mail-data/1', 0],
  ['out of https, to a file', 'file:///etc/passwd', 0],
  ['for the 4th time', '/other', 3],
  ['no address', 'https://', 0],
])('%s is refused', (why, location, hops) => {
  expect(() => redirectOf(from, 302, location, hops)).toThrow(FetchFailure);
  expect(() => redirectOf(from, 302, location, hops)).toThrow(why.split(',')[0] ?? '');
});

test('from http one may go to https and to http', () => {
  const plain = new URL('http://erp.example/1');
  expect(redirectOf(plain, 302, 'https://erp.example/1', 2)?.protocol).toBe('https:');
  expect(redirectOf(plain, 302, '/2', 2)?.protocol).toBe('http:');
});
