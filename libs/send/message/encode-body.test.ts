// A large body that is encoded a slice at a time says what it said, whatever its lines are like, in lines that travel.
import { encodeBody } from './encode-body';

/** RFC 2045 6.7. */
const fromQuotedPrintable = (text: string): Buffer =>
  Buffer.from(
    text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );

const decoded = async (text: string): Promise<{ encoding: string; text: string; longest: number }> => {
  const { encoding, slices } = await encodeBody(text);
  const bytes = Buffer.concat(slices).toString('latin1');
  const plain = encoding === 'base64' ? Buffer.from(bytes, 'base64') : fromQuotedPrintable(bytes);
  const longest = bytes.split('\r\n').reduce((most, { length }) => Math.max(most, length), 0);
  return { encoding, text: plain.toString('utf8'), longest };
};

test.each([
  ['lines', '<p>Grüße an alle</p>\n'.repeat(20_000), 'quoted-printable'],
  ['lines that end in spaces', 'one two  \r\n.\r\n'.repeat(30_000), 'quoted-printable'],
  ['one line', 'a=b and so on ü '.repeat(20_000), 'quoted-printable'],
  ['one line of what needs four bytes', '🐦'.repeat(90_001), 'base64'],
  ['one line of letters and birds', `${'letters and words '.repeat(10)}🐦`.repeat(2_000), 'quoted-printable'],
  ['Greek', 'γειά σου κόσμε\n'.repeat(20_000), 'base64'],
  ['nothing', '', 'base64'],
] as const)('%s', async (_what, text, encoding) => {
  const found = await decoded(text);
  expect(found.text === text.replace(/\r\n|\r|\n/g, '\r\n')).toBe(true);
  expect(found.longest).toBeLessThanOrEqual(76);
  if (text !== '') expect(found.encoding).toBe(encoding);
});

test('other work is done in between', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await encodeBody('<p>Grüße an alle</p>\n'.repeat(200_000));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(20);
});
