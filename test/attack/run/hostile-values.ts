// Values that nobody means well by, and what they are put into: fields, texts of JSON, paths, queries and headers.
import { gzipSync } from 'node:zlib';
import type { Draw } from './draw';

const WORDS = [
  '',
  ' ',
  '\u0000',
  '\r\n.\r\n',
  'a\r\nBcc: eve@a.example',
  'a\nX-Injected: 1',
  '__proto__',
  'constructor',
  'toString',
  '\ud800',
  '\u202e',
  '\u001b[2J',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '<%= it.constructor.constructor("return process")() %>',
  '<% for (;;); %>',
  "' OR 1=1 --",
  '%s%n%p',
  '1e999',
  'NaN',
  '@',
  'a@b@c',
  `ann@${'x.'.repeat(120)}example`,
  'ａｎｎ@a.example',
  '{}:wait',
  '*',
  '😀'.repeat(60),
];

/** Up to this many bytes; most are small, so that there are many. */
export const sizeOf = (draw: Draw): number =>
  draw.upTo(draw.chance(0.015) ? 24 * 1024 * 1024 : draw.chance(0.1) ? 2 * 1024 * 1024 : 50_000);

const nested = (depth: number, list: boolean): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = list ? [value] : { a: value };
  return value;
};

const PROTOTYPE = JSON.parse(
  '{"__proto__": {"role": "operator"}, "constructor": {"prototype": {}}, "toString": 1}',
) as object;

export const hostileValue = (draw: Draw): unknown =>
  draw.pick<() => unknown>([
    () => draw.pick(WORDS),
    () => draw.pick([null, true, [], {}, -1, 0, 2 ** 53, 1e308, -0.5]),
    () => draw.pick(['x', ' ', '<', '@,', '\u0301', 'é']).repeat(sizeOf(draw) / 2),
    () => Array.from({ length: Math.min(99_000, sizeOf(draw)) }, () => 0),
    () => Array.from({ length: Math.min(33_000, sizeOf(draw)) }, (_, n) => ({ a: n })),
    () => Array.from({ length: draw.upTo(3_000) }, (_, n) => `a${n}@a.example`),
    () => nested(draw.upTo(3_000), draw.chance(0.5)),
    () => PROTOTYPE,
    () => Object.fromEntries(Array.from({ length: draw.upTo(50_000) }, (_, n) => [`k${n}`, n])),
  ])();

/** Replaces one value anywhere in the body. @returns what was done */
export const spoil = (body: unknown, draw: Draw): unknown => {
  if (typeof body !== 'object' || body === null || draw.chance(0.1)) return hostileValue(draw);
  const copy = (Array.isArray(body) ? [...(body as unknown[])] : { ...body }) as Record<string, unknown>;
  const names = Object.keys(copy);
  if (names.length === 0 || draw.chance(0.1)) return { ...copy, [String(draw.pick(WORDS))]: hostileValue(draw) };
  const name = draw.pick(names);
  copy[name] = draw.chance(0.4) ? spoil(copy[name], draw) : hostileValue(draw);
  return copy;
};

const fields = (count: number, of: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => of(n)).join(',');

/** The body with more in front of its last brace. */
const withMore = (json: string, more: string): string =>
  json.endsWith('}') && json.length > 2 ? `${json.slice(0, -1)},${more}}` : `{${more}}`;

/** Ways to write a body down that no serializer has. */
const WRITINGS: Record<string, (json: string, draw: Draw) => string | Buffer> = {
  'cut off': (json, draw) => json.slice(0, draw.below(json.length)),
  'unknown names': (json, draw) =>
    withMore(
      json,
      fields(sizeOf(draw) / 8, (n) => `"k${n}":1`),
    ),
  'a name twice': (json) => withMore(json, '"to":["x"],"to":["y"]'),
  'a name twice, late': (json, draw) => withMore(json, `${fields(sizeOf(draw) / 20, (n) => `"k${n % 999}":"x"`)}`),
  'lossy numbers': (json, draw) =>
    withMore(
      json,
      fields(draw.upTo(20_000), () => '"n":1e400'),
    ),
  'a long number': (json, draw) => withMore(json, `"n":${'9'.repeat(sizeOf(draw))}`),
  'half a character': (json, draw) => withMore(json, `"text":"${'\\ud800'.repeat(draw.upTo(50_000))}"`),
  'no UTF-8': (json, draw) => Buffer.concat([Buffer.from(json), Buffer.alloc(sizeOf(draw), 0xff)]),
  'UTF-16': (json) => Buffer.from(`\ufeff${json}`, 'utf16le'),
  'control characters': (json) => withMore(json, '"text":"a\u0001\u0000b"'),
  'white space': (json, draw) => `${' '.repeat(sizeOf(draw))}${json}`,
  'open brackets': (_json, draw) => '['.repeat(sizeOf(draw)),
  'open braces': (_json, draw) => '{"a":'.repeat(sizeOf(draw) / 5),
  'open string': (json, draw) => `${json.slice(0, -1)},"html":"${'\\"'.repeat(sizeOf(draw) / 2)}`,
  'zeros as recipients': (json, draw) => withMore(json, `"to":[${'0,'.repeat(sizeOf(draw) / 2)}0]`),
  'names of objects': (json) => withMore(json, '"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}'),
  nothing: () => '',
};

export interface Written {
  label: string;
  bytes: Buffer;
}

/** Writes the body down, as it is or as no serializer would. */
export const write = (body: unknown, draw: Draw): Written => {
  const json = JSON.stringify(body) ?? '';
  if (draw.chance(0.5)) return { label: '', bytes: Buffer.from(json) };
  const label = draw.pick(Object.keys(WRITINGS));
  const text = WRITINGS[label]?.(json, draw) ?? json;
  return { label, bytes: typeof text === 'string' ? Buffer.from(text) : text };
};

/** A little that becomes much. */
export const gzipBomb = (): Buffer => gzipSync(Buffer.alloc(40 * 1024 * 1024, 0x20));

/** One part of a path, as it is sent. @param known names and ids that are there */
export const pathPart = (known: readonly string[], draw: Draw): string => {
  if (draw.chance(0.92)) return encodeURIComponent(draw.pick(known));
  return draw.pick([
    ...WORDS.filter((word) => word.isWellFormed()).map(encodeURIComponent),
    '%',
    '%ff',
    '%00',
    '..%2f..',
    '%2e%2e',
    'x'.repeat(draw.upTo(12_000)),
    `m_${'0'.repeat(26)}`,
    'b',
  ]);
};

/** A value of a query, or of a header where `header` says so. */
export const shortValue = (draw: Draw, header = false): string => {
  const words = header ? WORDS.filter((word) => /^[ -~]*$/.test(word)) : WORDS.filter((word) => word.isWellFormed());
  return draw.pick([
    ...words,
    'x'.repeat(draw.upTo(12_000)),
    '"x"',
    'W/"1"',
    '*',
    '0',
    '-1',
    '201',
    '2030-01-01T00:00:00Z',
  ]);
};
