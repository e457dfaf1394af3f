// NDJSON, cut wherever the network cuts it.
import fc from 'fast-check';
import { linesOf } from './json-lines';

const cut = async (chunks: Buffer[], most = 1_000): Promise<(string | undefined)[]> => {
  const found: (string | undefined)[] = [];
  const stream = (async function* () {
    yield* chunks;
  })();
  for await (const lines of linesOf(stream, most, () => undefined)) {
    expect(lines.length).toBeGreaterThan(0);
    found.push(...lines.map(({ bytes }) => bytes?.toString()));
  }
  return found;
};

test('the same lines come out, wherever the chunks end', async () => {
  const texts = fc.array(
    fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !text.includes('\n') && text.trim() !== ''),
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(200)), fc.boolean(), async (lines, cuts, ended) => {
      const whole = Buffer.from(lines.join('\n') + (ended ? '\n' : ''));
      const at = [0, ...[...cuts].sort((a, b) => a - b), whole.length].map((n) => Math.min(n, whole.length));
      const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
      expect(await cut(chunks)).toEqual(lines);
    }),
  );
});

test('lines without anything are left out, and white space around is no part of JSON', async () => {
  expect(await cut([Buffer.from('\n{"a":1}\r\n \t\r\n\n{"b":2}')])).toEqual(['{"a":1}\r', '{"b":2}']);
});

test('what is longer than a line may be is told, not held, and the next line is read', async () => {
  const long = Array.from({ length: 50 }, () => Buffer.alloc(100, 0x61));
  const held: number[] = [];
  const stream = (async function* () {
    yield* [Buffer.from('one\n'), ...long, Buffer.from('\ntwo\n')];
  })();
  const found: (string | undefined)[] = [];
  for await (const lines of linesOf(stream, 250, (bytes) => void held.push(bytes)))
    found.push(...lines.map(({ bytes }) => bytes?.toString()));
  expect(found).toEqual(['one', undefined, 'two']);
  expect(Math.max(...held)).toBe(250);
});
