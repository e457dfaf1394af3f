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
  ['"ann lee"@acme.example', '"ann lee"@acme.example'],
  ['Ann <"a, b; (c) @d"@acme.example>', '"a, b; (c) @d"@acme.example'],
  ['"ann"@acme.example', 'ann@acme.example'],
  ['(one (two) three) Ann (x) <ann@acme.example> (last)', 'ann@acme.example'],
  ['ann(comment)@acme.example', 'ann@acme.example'],
  ['John Q. Public <ann@acme.example>', 'ann@acme.example'],
  ['Ann\r\n\t<ann@acme.example>', 'ann@acme.example'],
  ['Jörg <jörg@acme.example>', 'jörg@acme.example'],
  ['"(" <ann@acme.example>', 'ann@acme.example'],
  ['Ann <ann@acme.example>,', 'ann@acme.example'],
])('From: %s', (from, address) => {
  expect(readRawMessage(Buffer.from(`From: ${from}\r\n\r\n`)).from).toBe(address);
});

test.each([
  '<ann@acme.example> <boss@other.example>',
  '<ann@acme.example> boss@other.example',
  'x <ann@acme.example><boss@other.example>',
  'ann@acme.example boss@other.example',
  '"boss@other.example" ann@acme.example x',
  'x <ann@acme.example',
  'boss@other.example (x\\) <ann@acme.example>',
  'ann@acme.example (x (y) <boss@other.example>)',
  'ann (c) @ (d) acme.example',
  'ann . lee@acme . example',
  '<@relay.example:ann@acme.example>',
  '=?utf-8?q?boss?=@acme.example',
  'Team: ann@acme.example;',
  'undisclosed-recipients:;',
  'ann@[192.0.2.1]',
  'ann@acme.example/x',
  '"a<b>"@acme.example',
  '"ann@acme.example',
  '',
  `${'x'.repeat(500)} `.repeat(5) + '<ann@acme.example>',
])('From: %s is refused, since readers would differ', (from) => {
  expect(() => read(`From: ${from.replaceAll(' x', '\r\n x')}\r\n\r\n`)).toThrow(/From/);
});

test('several authors need one who sends', () => {
  const two = 'From: ann@acme.example, "Lee, Bob" <bob@acme.example>\r\n';
  expect(readRawMessage(Buffer.from(`${two}Sender: (x) eve@acme.example\r\n\r\n`))).toMatchObject({
    from: 'eve@acme.example',
    authors: ['ann@acme.example', 'bob@acme.example'],
  });
  expect(() => read(`${two}\r\n`)).toThrow(/needs a Sender/);
  expect(() => read(`${two}Sender: a@b.example, c@d.example\r\n\r\n`)).toThrow(/needs a Sender/);
});

test.each([
  ['<1@example.org> (added by mta)', '1@example.org'],
  ['(x) <1@example.org>', '1@example.org'],
  ['<"a b"@example.org>', '"a b"@example.org'],
  ['<1@[192.0.2.1]>', '1@[192.0.2.1]'],
  ['\r\n <a$b=c@example.org>', 'a$b=c@example.org'],
  ['<a b@example.org>', undefined],
  ['<a@b> <c@d>', undefined],
  ['<a@b', undefined],
  ['<a(c)@b>', undefined],
  [`<"${'x '.repeat(450)}"@b.example>`, undefined],
  ['', undefined],
])('Message-ID: %s', (given, id) => {
  const whole = () => readRawMessage(Buffer.from(`${HEAD}Message-ID: ${given}\r\n\r\n`));
  if (id === undefined) expect(whole).toThrow(/Message-ID/);
  else expect(whole().messageId).toBe(id);
});

test('UTF-8 in the header is told apart from that of the body; other 8-bit characters are refused', () => {
  const whole = (header: string, body = '') => readRawMessage(Buffer.from(`${HEAD}${header}\r\n\r\n${body}`));
  expect(whole('Comments: Grüße')).toMatchObject({ utf8: true, eightBit: false });
  expect(whole('Bcc: größe@example.org', 'ü')).toMatchObject({ utf8: false, eightBit: true });
  expect(readRawMessage(Buffer.from('From: a@b.example\r\nSubject: Grüße\r\n\r\n')).subject).toBe('Grüße');
  for (const bad of ['\xd6l', 'a\x0bb', '\xc2\x85', '\xc3\x28'])
    expect(() => read(`${HEAD}X: ${bad}\r\n\r\n`)).toThrow(/UTF-8/);
});

test('what else is legal goes through as it is', () => {
  const header = [
    'From: ann@example.org',
    'To: undisclosed-recipients:;',
    'Cc: Team: a@b.example, c@d.example;',
    'Reply-To: "a b"@c.example (x)',
    'Date: Sat, 28 Nov 98 09:00:00 EST (obsolete)',
    'X-A: 1',
    'X-A: 2',
    'Comments:',
    'Subject :a\r\n\tb',
  ].join('\r\n');
  expect(read(`${header}\r\n\r\nbody\r\n--b--\r\ngarbage\r\n`)).toBe(`${header}\r\n\r\nbody\r\n--b--\r\ngarbage\r\n`);
});

test('a line of the header with nothing but spaces joins the one before it', () => {
  const given = 'From: ann@example.org\r\nSubject: a\r\n \t \r\n  \r\n b\r\nX-A:\r\n  \r\n\r\n';
  expect(read(given)).toBe('From: ann@example.org\r\nSubject: a \t   \r\n b\r\nX-A:  \r\n\r\n');
  expect(() => read(`From: a@b.example\r\nX: ${'x'.repeat(600)}\r\n${' '.repeat(600)}\r\n y\r\n\r\n`)).toThrow(/998/);
});

test('a line of an mbox file is named', () => {
  for (const line of ['From ann@example.org Sat Nov 28 09:00:00 2026', '>From ann@example.org Sat Nov 28'])
    expect(() => read(`${line}\r\n${HEAD}\r\nx`)).toThrow(/mbox/);
});

test('a line of 998 bytes is read, and 8-bit bodies are told', () => {
  expect(read(`${HEAD}\r\n${'x'.repeat(998)}`)).toContain('x'.repeat(998));
  expect(readRawMessage(Buffer.from(`${HEAD}\r\n\xe4`, 'latin1')).eightBit).toBe(true);
  expect(readRawMessage(Buffer.from(`${HEAD}\r\na`, 'latin1')).eightBit).toBe(false);
});

/** CPU ms of the cheapest of a few tries: who else uses the machine, or what one of them had to compile, does not count. */
const leastCpu = (work: () => unknown): number =>
  Math.min(
    ...[1, 2, 3, 4, 5].map(() => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    }),
  );

const timeOf = (text: string): number => {
  const bytes = Buffer.from(text, 'latin1');
  return leastCpu(() => readRawMessage(bytes));
};

test('long lines take no longer to read than short ones', () => {
  const size = 2_000_000;
  const short = timeOf(`${HEAD}\r\n${'xxxxxxxx\r\n'.repeat(size / 10)}`);
  const long = timeOf(`${HEAD}\r\n${`${'x'.repeat(998)}\r\n`.repeat(size / 1_000)}`);
  expect(long).toBeLessThan(short * 10);
});
