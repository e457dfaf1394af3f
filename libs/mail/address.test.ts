// Addresses in the input: read as people write them, and quickly whatever is written.
import { AddressInput } from './address';

test.each([
  ['ann@example.org', { address: 'ann@example.org' }],
  ['  ann@example.org ', { address: 'ann@example.org' }],
  ['Ann Lee<ann@example.org>', { name: 'Ann Lee', address: 'ann@example.org' }],
  ['  Ann Lee  < ann@example.org >  ', { name: 'Ann Lee', address: 'ann@example.org' }],
  ['"Lee, \\"Ann\\""  <ann@example.org>', { name: 'Lee, "Ann"', address: 'ann@example.org' }],
  ['<ann@example.org>', { address: 'ann@example.org' }],
])('%s', (given, read) => {
  expect(AddressInput.parse(given)).toEqual(read);
});

test.each([
  'Ann <ann@example.org> x',
  '"Ann" Lee <ann@example.org>',
  'a@b.example <ann@example.org>',
  '"Ann <a@b.example>',
  'a\ud800@b.example',
])('%s is refused', (given) => {
  expect(AddressInput.safeParse(given).success).toBe(false);
});

/** ms of a hundred readings. */
const timeOf = (text: string): number => {
  const begun = performance.now();
  for (let count = 0; count < 100; count++) AddressInput.safeParse(text);
  return performance.now() - begun;
};

test('a long text of white space takes no longer than one of letters', () => {
  timeOf('x');
  const spaces = timeOf(`${' '.repeat(500)}x${' '.repeat(499)}`);
  expect(spaces).toBeLessThan(Math.max(timeOf('x'.repeat(1_000)), 1) * 50);
});
