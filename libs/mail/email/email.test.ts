// What is too much of something is said once, before each piece is looked at.
import { EmailInput } from './email';
import { QueueSettings } from '../settings/settings';
import { TemplateInput } from '../settings/template';

const many = (count: number): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, []]));
const messages = (result: { error?: { issues: { path: PropertyKey[]; message: string }[] } | undefined }) =>
  result.error?.issues.map(({ path, message }) => [path.join('/'), message]);

test.each(['metadata', 'headers'])('%s', (name) => {
  const email = { to: 'ann@example.org', text: 'x', [name]: many(51) };
  expect(messages(EmailInput.safeParse(email))).toEqual([[name, 'must be at most 50']]);
});

test('the schema of a template', () => {
  const schema = { properties: many(10_000) };
  expect(messages(TemplateInput.safeParse({ html: 'x', schema }))).toEqual([
    ['schema', 'must be at most 64000 characters as JSON'],
  ]);
});

const faults = (fields: Record<string, unknown>) =>
  messages(EmailInput.safeParse({ to: 'ann@example.org', text: 'x', ...fields }))?.map(([path]) => path);
const withFile = (fields: Record<string, unknown>) =>
  faults({ attachments: [{ filename: 'a', content: 'YQ==', ...fields }] });

test.each(['größe', 'a("b', 'a;b', 'a,b', 'a\\b', 'a b', '<a>', 'a@b@c', '.a', 'a@', 'a:b', '😀'])(
  'cid %s is no id that a header and the html can both name',
  (cid) => expect(withFile({ cid })).toEqual(['attachments/0/cid']),
);

test.each(['logo', 'image001.png@01D9ABCD.12345678', "a+b_c'd", '114'])('cid %s', (cid) =>
  expect(withFile({ cid })).toBeUndefined(),
);

test.each([
  ...['multipart/mixed; boundary=abc', 'Multipart/Related', 'MULTIPART/x-gzip', 'multipart/mixed(x)', 'message/rfc822'],
  ...['message/partial; id="a"; number=1', 'message/external-body', 'message/delivery-status', 'Message/Global'],
  ...['text', 'text /plain', 'text/plain x', 'text/plain; charset', 'text/plain; charset=größe', 'text/plain; x="a'],
  ...['text/plain (', "text/plain; a*0*=utf-8''b", '/plain', 'text/', 'text/pl@in'],
])('%s is no type of a file', (contentType) =>
  expect(withFile({ contentType })).toEqual(['attachments/0/contentType']),
);

test.each([
  'Text/CSV; Charset="utf-8"',
  'text/plain; charset=us-ascii (plain)',
  'application/x.a+b;',
  'a/b; c="d; \\"e"',
])('type %s', (contentType) => expect(withFile({ contentType })).toBeUndefined());

test.each([
  ['References', '<a@exämple.org>'],
  ['In-Reply-To', 'Your message of Friday <a@b.example>'],
  ['references', '<a>x<b@c>'],
  ['List-Help', '<https://acme.example/größe>'],
  ['List-Archive', '=?utf-8?Q?x?='],
  ['X-Note', 'x'.repeat(900)],
])('header %s: %s', (name, value) => expect(faults({ headers: { [name]: value } })).toEqual([`headers/${name}`]));

test.each([
  ['References', 'a@b.example <c$d@[1.2.3.4]><e>'],
  ['X-Note', 'größe =?x'],
  ['List-Id', 'Größe <news.acme.example>'],
])('header %s: %s is taken', (name, value) => expect(faults({ headers: { [name]: value } })).toBeUndefined());

test.each([
  { url: 'https://acme.example/über' },
  { url: 'https://acme.example/<x>' },
  { mailto: 'öff@acme.example' },
  { mailto: 'off@acme.example?subject=ö' },
  { mailto: 'off@acme.example/x' },
  { mailto: 'off@123?subject=x' },
  { url: `https://acme.example/${'{recipient}'.repeat(2)}` },
])('an address in a header is ASCII and short: %j', (listUnsubscribe) => {
  expect(QueueSettings.safeParse({ listUnsubscribe }).success).toBe(false);
});
