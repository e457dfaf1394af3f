// Control parts are found wherever they lie, and what is left is the message as it was, byte by byte.
import { takeControlFields } from './control-fields';
import { readControlPart, takeControlParts } from './control-part';

const PART = 'Content-Type: application/vnd.rohrpost+json\r\n\r\n{"template":"a"}';
const take = (text: string) => {
  const { message, parts, hasFiles } = takeControlParts(Buffer.from(text.replace(/(?<!\r)\n/g, '\r\n')));
  return { left: message?.toString().replace(/\r\n/g, '\n'), count: parts.length, hasFiles };
};
const multipart = (boundary: string, ...parts: string[]): string =>
  `Content-Type: multipart/mixed; boundary="${boundary}"\n\nbefore\n${parts.map((part) => `--${boundary}\n${part}\n`).join('')}--${boundary}--\nafter\n`;
const TEXT = 'Content-Type: text/plain\n\nHello\n';

test('a message without any is not touched', () => {
  const whole = Buffer.from(multipart('b', TEXT));
  expect(takeControlParts(whole).message).toBe(whole);
});

test.each([
  ['first', multipart('b', PART, TEXT), multipart('b', TEXT)],
  ['last', multipart('b', TEXT, PART), multipart('b', TEXT)],
  ['several', multipart('b', PART, TEXT, PART), multipart('b', TEXT)],
  [
    'in another case',
    multipart('b', TEXT, PART.replace('Type: application', 'TYPE : APPLICATION')),
    multipart('b', TEXT),
  ],
  ['folded', multipart('b', TEXT, PART.replace(': ', ':\n\t')), multipart('b', TEXT)],
  [
    'with parameters of all kinds',
    multipart('b', TEXT, PART.replace('json', "json; x*=utf-8''y; z")),
    multipart('b', TEXT),
  ],
  ['behind another type', multipart('b', TEXT, `Content-Type: text/plain\n${PART}`), multipart('b', TEXT)],
  ['deep', multipart('a', TEXT, multipart('b', TEXT, PART)), multipart('a', TEXT, multipart('b', TEXT))],
  ['alone in a part of its own', multipart('a', TEXT, multipart('b', PART)), multipart('a', TEXT)],
  [
    'where the end is missing',
    `${multipart('b', TEXT, PART).split('--b--')[0]}`,
    `${multipart('b', TEXT).split('--b--')[0]}`,
  ],
])('%s', (_, given, left) => {
  expect(take(given).left).toBe(left);
});

test('a message that has nothing else is gone, and files beside are told of', () => {
  expect(take(`Subject: a\n${PART}`)).toEqual({ left: undefined, count: 1, hasFiles: false });
  expect(take(multipart('b', PART))).toMatchObject({ left: undefined });
  expect(take(multipart('b', PART, 'Content-Type: application/pdf\n\nx\n'))).toMatchObject({ hasFiles: true });
});

test('delimiters without end hold nobody up', () => {
  const hostile = `Content-Type: multipart/mixed; boundary=b\n\n${`--b\n${PART}\n`.repeat(200_000)}`;
  expect(() => takeControlParts(Buffer.from(hostile.replace(/(?<!\r)\n/g, '\r\n')))).toThrow(
    'has more than 1000 parts',
  );
});

test.each(['', 'Content-Transfer-Encoding: base64\r\n', 'Content-Transfer-Encoding: Quoted-Printable\r\n'])(
  'its data are read as they are encoded: %j',
  async (encoding) => {
    const json = '{"template":"a","data":{"name":"J\u00fcrgen = 1"}}';
    const body = encoding.includes('base64')
      ? Buffer.from(json).toString('base64')
      : encoding.includes('Quoted')
        ? json.replace(/=/g, '=3D').replace('\u00fc', '=C3=\r\n=bc')
        : json;
    const part = Buffer.from(`Content-Type: application/vnd.rohrpost+json\r\n${encoding}\r\n${body}`);
    expect(await readControlPart(part)).toEqual({ template: 'a', data: { name: 'J\u00fcrgen = 1' } });
  },
);

test.each(['[]', '{}', '{"template":"a","to":"b@example.org"}', '"a"', '{'])('%s is no control part', async (json) => {
  const part = Buffer.from(`Content-Type: application/vnd.rohrpost+json\r\n\r\n${json}`);
  await expect(readControlPart(part)).rejects.toThrow(/application\/vnd\.rohrpost\+json/);
});

test('control fields go with their folded lines, and nothing else does', () => {
  const head =
    'X-Rohrpost-Tags: a,\r\n b\r\nSubject: x-rohrpost-tags: no\r\nX-ROHRPOST : c\r\n\td\r\nX-Rohrposter: stays\r\n\r\n';
  const { message, fields } = takeControlFields(Buffer.from(`${head}X-Rohrpost-Tags: body\r\n`));
  expect(message.toString()).toBe(
    'Subject: x-rohrpost-tags: no\r\nX-Rohrposter: stays\r\n\r\nX-Rohrpost-Tags: body\r\n',
  );
  expect(fields).toEqual([
    { name: 'X-Rohrpost-Tags', value: 'a, b' },
    { name: 'X-ROHRPOST', value: 'c\td' },
  ]);
});
