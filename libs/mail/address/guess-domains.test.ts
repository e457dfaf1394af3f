// What somebody who mistyped a domain meant is guessed from what others wrote.
import { guessDomains } from './guess-domains';

const many = (domain: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `Ann <a${n}@${domain}>`);

test('typos of large providers and of where mail is delivered to, the most frequent first', () => {
  const refused = [
    ...many('gmial.com', 3),
    ...many('acme.exmaple', 5),
    ...many('gmail.com', 2),
    ...many('unlike-all.example', 1),
  ];
  expect(guessDomains(refused, many('acme.example', 2))).toEqual([
    { domain: 'acme.exmaple', count: 5, meant: 'acme.example' },
    { domain: 'gmial.com', count: 3, meant: 'gmail.com' },
    // It is right: the people are unknown there.
    { domain: 'gmail.com', count: 2 },
    { domain: 'unlike-all.example', count: 1 },
  ]);
});

test.each([
  ['gmx.de', [], undefined],
  ['gmx.dee', [], 'gmx.de'],
  ['gxm.de', [], undefined],
  ['web.ed', ['x@a.example'], undefined],
  ['GMAIL.CON', [], 'gmail.com'],
  ['yaho.com', [], 'yahoo.com'],
  ['x.example', ['a@y.example'], 'y.example'],
])('%s', (domain, delivered, meant) => {
  expect(guessDomains([`a@${domain}`], delivered)[0]?.meant).toBe(meant);
});
