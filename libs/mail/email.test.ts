// What is too much of something is said once, before each piece is looked at.
import { EmailInput } from './email';
import { QueueSettings } from './settings';
import { TemplateInput } from './template';

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

test.each([
  { url: 'https://acme.example/über' },
  { url: 'https://acme.example/<x>' },
  { mailto: 'öff@acme.example' },
  { mailto: 'off@acme.example?subject=ö' },
  { url: `https://acme.example/${'{recipient}'.repeat(2)}` },
])('an address in a header is ASCII and short: %j', (listUnsubscribe) => {
  expect(QueueSettings.safeParse({ listUnsubscribe }).success).toBe(false);
});
