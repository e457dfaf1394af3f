// Complete messages: what of them stays, and that no message takes long to read.
import { RawFault, readRawMessage } from './raw-message';

const HEAD = 'From: ann@example.org\r\nSubject: x\r\n';
const read = (text: string): string => readRawMessage(Buffer.from(text, 'latin1')).bytes.toString('latin1');

test.each([
  ['as it is', `${HEAD}\r\nbody\r\n`, `${HEAD}\r\nbody\r\n`],
  ['bare line ends', 'From: ann@example.org\rSubject: x\n\r\rbody\n\r\n\r', `${HEAD}\r\n\r\nbody\r\n\r\n\r\n`],
  ['no body', HEAD, `${HEAD}\r\n`],
  ['no body and no last line end', HEAD.slice(0, -2), `${HEAD}\r\n`],
  ['an empty body', `${HEAD}\r\n`, `${HEAD}\r\n`],
  ['folded Bcc in capitals', `BCC: a@b.example,\r\n c@d.example\r\n${HEAD}\r\nx`, `${HEAD}\r\nx\r\n`],
])('%s', (_, given, kept) => {
  expect(read(given)).toBe(kept);
});

test.each([
  ['an empty line first', `\r\n${HEAD}\r\n`, /no header field/],
  ['a line of 999 bytes', `${HEAD}\r\n${'x'.repeat(999)}`, /more than 998 bytes/],
  ['a header without end', `${HEAD}${'X-A: 1\r\n'.repeat(40_000)}`, /header of more than/],
  ['two From', `${HEAD}FROM : b@example.org\r\n\r\n`, /has 2 fields from/],
])('%s is refused', (_, given, fault) => {
  expect(() => read(given)).toThrow(RawFault);
  expect(() => read(given)).toThrow(fault);
});

test.each([
  ['ann@acme.example', 'ann@acme.example'],
  ['<ann@acme.example>', 'ann@acme.example'],
  ['Ann Lee <ann@acme.example>', 'ann@acme.example'],
  ['"Lee, Ann <x>" <ann@acme.example>', 'ann@acme.example'],
  ['=?utf-8?q?=C3=96l?=\r\n <ann@acme.example>', 'ann@acme.example'],
  ['ann@acme.example (Ann)', 'ann@acme.example'],
  ['boss@other.example <ann@acme.example>', 'ann@acme.example'],
])('From: %s', (from, address) => {
  expect(readRawMessage(Buffer.from(`From: ${from}\r\n\r\n`)).from.address).toBe(address);
});

test.each([
  '<ann@acme.example> <boss@other.example>',
  '<ann@acme.example> boss@other.example',
  'x <ann@acme.example><boss@other.example>',
  'ann@acme.example boss@other.example',
  '"boss@other.example" ann@acme.example x',
  'x <ann@acme.example',
  'boss@other.example (x\\) <ann@acme.example>',
  `${'x'.repeat(500)} `.repeat(5) + '<ann@acme.example>',
])('From: %s is refused, since readers would differ', (from) => {
  expect(() => read(`From: ${from.replaceAll(' x', '\r\n x')}\r\n\r\n`)).toThrow(/From/);
});

test('a line of 998 bytes is read, and 8-bit bodies are told', () => {
  expect(read(`${HEAD}\r\n${'x'.repeat(998)}`)).toContain('x'.repeat(998));
  expect(readRawMessage(Buffer.from(`${HEAD}\r\n\xe4`, 'latin1')).eightBit).toBe(true);
  expect(readRawMessage(Buffer.from(`${HEAD}\r\na`, 'latin1')).eightBit).toBe(false);
});

/** ms of the quickest of three. */
const quickest = (text: string): number => {
  const bytes = Buffer.from(text, 'latin1');
  const times = [1, 2, 3].map(() => {
    const begun = performance.now();
    readRawMessage(bytes);
    return performance.now() - begun;
  });
  return Math.min(...times);
};

test('long lines take no longer to read than short ones', () => {
  const size = 2_000_000;
  const short = quickest(`${HEAD}\r\n${'xxxxxxxx\r\n'.repeat(size / 10)}`);
  const long = quickest(`${HEAD}\r\n${`${'x'.repeat(998)}\r\n`.repeat(size / 1_000)}`);
  expect(long).toBeLessThan(short * 10);
});
