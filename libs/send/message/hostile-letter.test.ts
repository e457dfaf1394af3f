// Whatever a client puts into a field, the message on the wire is one that every server takes and every reader reads alike.
import { isAscii } from 'node:buffer';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import PostalMime, { decodeWords } from 'postal-mime';
import type { StoredAttachment } from '../../mail/email/stored-email';
import { composeMessage, IN_MEMORY } from './message';

const TEXTS = [
  'plain',
  'Grüße aus Köln',
  '請求書 2026-114',
  '😀'.repeat(30),
  'x'.repeat(180),
  `a${' '.repeat(77)}b`,
  `${'a'.repeat(70)}${' '.repeat(57)}b ${' '.repeat(50)}`,
  ' '.repeat(80),
  '=?utf-8?Q?Boss_=3Cboss=40acme.example=3E?=',
  '=?utf-8?Q?a b?= and =?x',
  'Boss =?utf-8?B?Qm9zcw==?=',
  '"quoted" \\ and back\\',
  '100%25 off, a;b=c; (d) <e@f.example>: g',
  "utf-8''%41",
  "it's; filename=other.exe",
  'a\u0085b\u00a0c\u00ad',
  '-',
  `${'ä '.repeat(60)}`,
];
const NAMES = TEXTS.map((text) => text.slice(0, 200));
const FILES = [
  ['text.txt', 'text/plain'],
  ['page.html', 'text/html; charset=iso-8859-1'],
  ['original.eml', 'message/rfc822'],
  ['page.mhtml', 'multipart/related; boundary=abc'],
  ['part', 'MESSAGE/partial (x); id="a"'],
  ['broken', 'text/plain; charset=größe'],
  ['named.pdf', 'application/pdf; name="other.exe"; x="a\\"b; c"'],
  ['data.bin', undefined],
] as const;
const CONTENTS = [
  Buffer.alloc(0),
  Buffer.from('From: a@b\r\nSubject: x\r\n\r\ngr\xfc\xdfe\0\r\n', 'latin1'),
  Buffer.from('line\nline\rline\r\n..\r\n.\r\n--abc\r\n\r\nFrom here'),
  Buffer.from('x'.repeat(3_000)),
];

const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'grapheme', maxLength: 90 })).map(clean);
const name = fc.oneof(fc.constantFrom(...NAMES), fc.string({ unit: 'grapheme', maxLength: 60 })).map(clean);
/** What the schema refuses before. */
function clean(given: string): string {
  return given.replace(/[\0-\x1f\x7f\u2028\u2029]|\p{Surrogate}/gu, '');
}

const address = fc.record({
  name,
  address: fc.constantFrom('ann@example.org', 'a.b+c@bücher.example', "o'x@e.example"),
});
const attachment = fc.record({
  file: fc.constantFrom(...FILES),
  filename: name.map((given) => given || 'x'),
  bytes: fc.constantFrom(...CONTENTS),
  cid: fc.constantFrom(undefined, undefined, 'logo', "a.b'c@x+y"),
});
const letter = fc.record({
  from: address,
  to: fc.array(address, { minLength: 1, maxLength: 3 }),
  cc: fc.array(address, { maxLength: 2 }),
  replyTo: fc.array(address, { maxLength: 1 }),
  subject: text,
  text: fc.constantFrom('', 'Hello\n\n.\n', 'Grüße '.repeat(50)),
  html: fc.constantFrom(undefined, '<p>Grüße</p><img src="cid:logo">'),
  headers: fc.dictionary(fc.constantFrom('X-Note', 'List-Id', 'Disposition-Notification-To', 'Keywords'), text),
  ids: fc.constantFrom(undefined, '<a@b.example> c@d.example', '<a$b@[1.2.3.4]><"q"@x>'),
  attachments: fc.array(attachment, { maxLength: 3 }),
  streamed: fc.boolean(),
});
type Letter = typeof letter extends fc.Arbitrary<infer T> ? T : never;

/** The message as it leaves: in one go, or streamed as large ones are. */
const compose = async ({ attachments, headers, ids, streamed, html, ...rest }: Letter): Promise<Buffer> => {
  const contents = new Map(attachments.map(({ bytes }, index) => [String(index), bytes]));
  const stored = attachments.map(({ file: [, contentType], filename, cid, bytes }, index): StoredAttachment => ({
    filename,
    contentId: String(index),
    size: streamed ? IN_MEMORY : bytes.length,
    ...(contentType && { contentType }),
    ...(cid && { cid }),
  }));
  const bytesOf = (id: string): Buffer => contents.get(id) ?? Buffer.alloc(0);
  const { content, utf8 } = await composeMessage(
    {
      ...rest,
      email: { to: rest.to, cc: rest.cc, headers: { ...headers, ...(ids && { References: ids }) } },
      attachments: stored,
      ...(html !== undefined && { html }),
      serviceHeaders: {},
      messageId: 'm_1@mail.test',
      date: 1_790_000_000_000,
    },
    {
      read: (id) => Readable.from([bytesOf(id)], { objectMode: false }),
      readAll: (id) => Promise.resolve(bytesOf(id)),
      size: (id) => Promise.resolve(bytesOf(id).length),
    },
  );
  expect(utf8).toBeUndefined();
  return Buffer.isBuffer(content) ? content : buffer(content());
};

const unfold = (header: string): string => header.replace(/\r\n(?=[ \t])/g, '');
/** As readers show it: spaces at the ends are not told from those around. */
const shown = (given: string | undefined): string => (given ?? '').normalize('NFC').replace(/\s+/g, ' ').trim();

const checkWire = (message: Buffer): void => {
  expect(isAscii(message)).toBe(true);
  const lines = message.toString('latin1').split('\r\n');
  for (const line of lines) {
    expect(line).not.toMatch(/[\r\n]/);
    expect(line.length).toBeLessThanOrEqual(998);
  }
  const header = lines.slice(0, lines.indexOf(''));
  expect(header.filter((line) => line.trim() === '')).toEqual([]);
  const types = unfold(message.toString('latin1')).match(/^Content-Type: [^;\r\n]*/gim) ?? [];
  expect(types.filter((type) => /message\/|multipart\/(?!mixed$|related$|alternative$)/i.test(type))).toEqual([]);
};

const checkReaders = async (given: Letter, message: Buffer): Promise<void> => {
  const [one, other] = [await simpleParser(message, { skipTextToHtml: true }), await PostalMime.parse(message)];
  for (const subject of [one.subject, other.subject]) expect(shown(subject)).toBe(shown(given.subject));
  expect(one.from?.value.map((each) => shown(each.name))).toEqual([shown(given.from.name)]);
  expect(shown(other.from?.name)).toBe(shown(given.from.name));
  expect([one.to].flat().flatMap((list) => list?.value.map((each) => each.address))).toHaveLength(given.to.length);
  const wanted = given.attachments.map(({ filename, bytes }): [string, string] => [
    shown(filename),
    bytes.toString('latin1'),
  ]);
  const files = one.attachments.map(({ filename, content }) => [shown(filename), content.toString('latin1')]);
  expect(files.sort()).toEqual([...wanted].sort());
  // This reader decodes what only looks like encoded words in a file name, also where RFC 2231 has encoded it.
  const decoded = wanted.map(([filename, content]) => [shown(decodeWords(filename)), content]);
  const others = other.attachments.map(({ filename, content }) => [
    shown(decodeWords(filename ?? '')),
    Buffer.from(content as ArrayBuffer).toString('latin1'),
  ]);
  expect(others.sort()).toEqual(decoded.sort());
};

test('200 letters of the worst values: ASCII, no blank lines in the header, short lines, every file byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(letter, async (given) => {
      const message = await compose(given);
      checkWire(message);
      await checkReaders(given, message);
    }),
    { numRuns: 200, seed: 20261128 },
  );
});
