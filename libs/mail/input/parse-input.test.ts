// Input that holds far too much is refused by its count: neither its entries nor its names are complained of one by one.
import { EmailInput } from '../email/email';
import type { Problem } from './problem';
import { parseInput } from './parse-input';

const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, 1]));
const usual = { to: 'ann@example.org', text: 'Hi' };

const problemOf = (value: unknown): Problem | undefined => {
  try {
    parseInput(EmailInput, value);
    return undefined;
  } catch (error) {
    return error as Problem;
  }
};

test.each<[string, unknown, string, string]>([
  ['recipients', { ...usual, to: Array(20_000).fill(0) }, '/to', 'has 20000 entries: at most 100'],
  ['tags', { ...usual, tags: Array(20_000).fill('') }, '/tags', 'has 20000 entries: at most 20'],
  ['attachments', { ...usual, attachments: Array(20_000).fill({}) }, '/attachments', 'at most 50'],
  ['fields', { ...usual, ...many }, '', 'more than 20 fields that are not known'],
  ['fields of a recipient', { ...usual, to: many }, '/to', 'more than 20 fields that are not known'],
  ['fields of the second recipient', { ...usual, to: ['a@b.example', many] }, '/to/1', 'not known'],
  ['fields of a template', { to: usual.to, template: many }, '/template', 'not known'],
  ['fields of a setting', { ...usual, backoff: many }, '/backoff', 'not known'],
  ['headers', { ...usual, headers: many }, '/headers', 'at most 50'],
])('far too many %s', (_name, value, path, text) => {
  const problem = problemOf(value);
  expect(problem?.errors).toMatchObject([{ path, message: expect.stringContaining(text) as unknown }]);
});

test('a few that are wrong are told each, with what was meant', () => {
  expect(problemOf({ ...usual, too: 1, sender: 2 })?.errors.map(({ path }) => path)).toEqual(['/too', '/sender']);
});

test('data may hold as much as it likes', () => {
  expect(problemOf({ to: usual.to, template: 'welcome', data: many })).toBeUndefined();
});
