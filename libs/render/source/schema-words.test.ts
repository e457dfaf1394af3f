// What a schema does not allow, keyword by keyword, in our words.
import { checkData } from './check-data';

test.each<[string, Record<string, unknown>, unknown, string, string]>([
  ['type', { properties: { a: { type: 'string' } } }, { a: 1 }, '/a', 'must be "string", and is number'],
  [
    'types',
    { properties: { a: { type: ['string', 'null'] } } },
    { a: 1 },
    '/a',
    'must be "string", "null", and is number',
  ],
  ['required', { required: ['a'] }, {}, '', 'lacks a: give it'],
  ['enum', { properties: { a: { enum: ['x', 1] } } }, { a: 2 }, '/a', 'must be one of ["x",1]'],
  ['const', { properties: { a: { const: 1 } } }, { a: 2 }, '/a', 'must be 1'],
  ['minimum', { properties: { a: { minimum: 3 } } }, { a: 2 }, '/a', 'must be at least 3'],
  ['exclusiveMaximum', { properties: { a: { exclusiveMaximum: 3 } } }, { a: 3 }, '/a', 'must be less than 3'],
  ['maxLength', { properties: { a: { maxLength: 1 } } }, { a: 'xy' }, '/a', 'must have at most 1 characters'],
  ['minItems', { properties: { a: { minItems: 1 } } }, { a: [] }, '/a', 'must have at least 1 entries'],
  [
    'uniqueItems',
    { properties: { a: { uniqueItems: true } } },
    { a: [1, 1] },
    '/a',
    'has the same at 0 and 1: each may be there once',
  ],
  [
    'pattern',
    { properties: { a: { pattern: '^x' } } },
    { a: 'y' },
    '/a',
    'is not written as the pattern of the schema wants it',
  ],
  ['format', { properties: { a: { format: 'date' } } }, { a: 'y' }, '/a', 'must be written as the format date'],
  ['not', { not: {} }, {}, '', 'is not as "not" of the schema wants it'],
  ['more', { additionalProperties: false }, { a: 1 }, '/a', 'is not allowed by the schema: take it out'],
])('data against %s are told in our words', (_name, schema, data, path, message) => {
  expect(checkData(schema, data)).toContainEqual({ path, message });
});
