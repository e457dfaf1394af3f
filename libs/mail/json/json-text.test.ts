// JSON that is taken as it is, and JSON that is refused with its place.
import { readJson } from './json-text';
import type { Problem } from '../input/problem';

const problemOf = async (text: string | Buffer): Promise<Problem | undefined> => {
  try {
    await readJson(Buffer.from(text as string), 'the body');
    return undefined;
  } catch (error) {
    return error as Problem;
  }
};

test.each([
  ['{"a": 9007199254740991, "b": -9007199254740991}'],
  ['{"a": 1.50, "b": 15e-1, "c": 1E2, "d": 0.0, "e": 0.1, "f": 1e21, "g": 5e-324, "h": 1.7976931348623157e308}'],
  ['{"a": 0.10000000000000001, "b": 19.989999999999998, "c": 0.30000000000000004}'],
  ['{"a": 10000000000000000, "b": 9007199254740994}'],
  ['[{"a": 1}, {"a": 1}, {"b": {"a": 1}, "a" : 2}]'],
  ['{"a": "\\": 1, \\"a\\": -0, 1e400, 12345678901234567890", "b": ": \\\\ud800"}'],
  ['{"a": "\\ud83d\\ude00", "\\ud83d\\ude00": "😀"}'],
  ['\ufeff{"a": "ä"}'],
])('is taken as it is: %s', async (text) => {
  expect(await readJson(Buffer.from(text), 'the body')).toEqual(JSON.parse(text.replace(/^\ufeff/, '')));
});

test.each<[string, string, string]>([
  ['an integer beyond 2^53', '{"data": {"order": 9007199254740993}}', '/data/order'],
  ['one that is written with an exponent', '{"a": [1, 9007199254740993e0]}', '/a/1'],
  ['an id that a double prints otherwise', '{"a":72057594037927936}', '/a'],
  ['more digits than a double has', '{"a": 0.1000000000000000055511151231257827}', '/a'],
  ['a fraction near another double', '{"a": 0.30000000000000001}', '/a'],
  ['a number too large', '{"a": 1e400}', '/a'],
  ['a number too small', '{"a": 1e-400}', '/a'],
  ['a negative zero', '{"a": -0}', '/a'],
  ['a negative zero with a fraction', '{"a":[-0.0]}', '/a/0'],
  ['a name given twice', '{"to": "a", "to": "b"}', '/to'],
  ['a name given twice inside', '{"data": {"a": {"b~/": 1, "b~/" : 1}}}', '/data/a/b~0~1'],
  ['a name given twice, once with an escape', '{"a": {"to": 1, "\\u0074o": 1}}', '/a/to'],
  ['the first half of a pair', '{"a": {"b": "x\\ud83d"}}', '/a/b'],
  ['the second half of a pair', '{"a": ["\\uDE00"]}', '/a/0'],
  ['half a pair in a name', '{"a": {"\\ud83d": 1}}', '/a'],
  ['a NUL', '{"a": "x\\u0000y"}', '/a'],
  ['a poisoned name', '{"a": [{"b/c": {"__proto__": 1}}]}', '/a/0/b~1c/__proto__'],
  ['deep nesting', `{"a": ${'['.repeat(40)}${']'.repeat(40)}}`, `/a${'/0'.repeat(32)}`],
])('%s is refused with its place', async (_name, text, path) => {
  expect(await problemOf(text)).toMatchObject({ code: 'invalid', errors: [{ path }] });
});

test('a great many faults are counted, not told', async () => {
  expect((await problemOf(`[${'-0,'.repeat(100)}0]`))?.errors).toHaveLength(20);
});

test.each<[string, Buffer, number]>([
  ['Latin-1', Buffer.from('{"a": "Grüße"}', 'latin1'), 9],
  ['an overlong slash', Buffer.from('7b2261223a22c0af227d', 'hex'), 6],
  ['half a surrogate pair', Buffer.from('7b2261223a22eda080227d', 'hex'), 6],
  ['beyond the last character', Buffer.from('7b2261223a22f4908080227d', 'hex'), 6],
  ['a character cut off', Buffer.from('7b2261223a22e282227d', 'hex'), 6],
  ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 0],
])('%s is not UTF-8', async (_name, bytes, at) => {
  const problem = await problemOf(bytes);
  expect(problem).toMatchObject({ code: 'not-utf-8' });
  expect(problem?.message).toContain(`from byte ${at} on`);
});

test.each<[string, string]>([
  ['{"a": 1,\n  "b": 2,\n}', 'line 3, column 1, there should be a field name'],
  ["{'a': 1}", 'line 1, column 2, there should be a value'],
  ['{"a": NaN}', 'line 1, column 7, there should be a value'],
  ['{"a": 1 "b": 2}', 'line 1, column 9, there should be a comma'],
  ['{"a" 1}', 'line 1, column 6, there should be a colon'],
  ['{"a": [1, 2}', 'line 1, column 12, there should be'],
  ['{"a": "b', 'line 1, column 7, there should be a double quote'],
  ['{"a": "b\nc"}', 'line 1, column 7, there should be a double quote'],
  ['{"a": "b\tc"}', 'line 1, column 7, there should be no control characters'],
  ['{"a": "\\x"}', 'line 1, column 7, there should be one of'],
  ['{"a": "\\u12"}', 'line 1, column 7, there should be four'],
  ['{"a": 01}', 'line 1, column 8, there should be a comma'],
  ['{} {}', 'line 1, column 4, there should be nothing more'],
  ['// x\n{}', 'line 1, column 1, there should be no comment'],
  ['{"a": 1', 'line 1, column 8, there should be a }'],
  [' ', 'it is empty'],
  ['['.repeat(50_000), 'not be read to its end'],
])('broken JSON is told with its place: %s', async (text, place) => {
  const problem = await problemOf(text);
  expect(problem).toMatchObject({ code: 'malformed-json' });
  expect(problem?.message).toContain(place);
});

test.each<[string, string]>([
  ['a list of zeros', `{"to": [${'0,'.repeat(300_000)}0]}`],
  ['an object of many names', `{${Array.from({ length: 200_001 }, (_, n) => `"${n}":1`).join(',')}}`],
  ['empty lists', `[${'[],'.repeat(200_000)}[]]`],
])('%s is counted before it is read', async (_name, text) => {
  const problem = await problemOf(text);
  expect(problem).toMatchObject({ code: 'invalid' });
  expect(problem?.message).toContain('more than 100000 values');
});

test('a text too large to be located is refused all the same, and others have their turn meanwhile', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const large = `"${'x'.repeat(8 * 1024 * 1024)}"`;
  expect((await problemOf(`{"a": ${large}, "b": 1e400}`))?.message).toContain('too large to say where');
  expect((await problemOf(`{"a": ${large}, "b": "\\ud800"}`))?.message).toContain('too large to say where');
  expect((await problemOf(`{"a": ${large}, "b": 1,}`))?.message).toContain('too large to say where');
  expect((await problemOf(`{"a": ${large}, "b": "\\ud83d\\ude00 1e400"}`))?.message).toBeUndefined();
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
