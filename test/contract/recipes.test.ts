// docs/recipes.md: each transport in it is one that the API takes, and each reply has the consequence that the page says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCrowded } from '../../libs/mail/smtp/session';
import { classifyReply } from '../../libs/mail/smtp/classify-answer';
import type { Phase } from '../../libs/mail/smtp/phase';
import { TransportInput } from '../../libs/mail/settings/transport';

const page = readFileSync(join(__dirname, '../../docs/recipes.md'), 'utf8');

const recipes = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(
  ([, text = '']) => JSON.parse(text) as { host?: string },
);
/** What a page tells of a return path alone is added to a transport that is there. */
const ADDED_TO = { host: 'smtp.acme.example' };
const rows = [...page.matchAll(/^\| `(\w+)` +\| `((\d{3})(?: (\d\.\d+\.\d+))? [^`]*)` +\|.*\| (\w+) +\|$/gm)].map(
  ([, step = '', text = '', code, enhanced, then = '']) => ({
    step: step as Phase,
    text,
    code: Number(code),
    enhanced,
    then,
  }),
);

test.each(recipes.map((recipe) => [recipe.host ?? 'a return path', recipe] as const))(
  'the transport of %s is one that the API takes',
  (_host, recipe) => {
    expect(TransportInput.safeParse({ ...ADDED_TO, ...recipe }).error).toBeUndefined();
  },
);

test('there are recipes and replies to look at', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(7);
  expect(rows).toHaveLength(page.split('\n').filter((line) => /^\| `(auth|ehlo|mail|rcpt|dot)`/.test(line)).length);
});

test.each(rows.map((row) => [row.text, row] as const))('%s', (_text, { step, text, code, enhanced, then }) => {
  const reply = { code, text, ...(enhanced !== undefined && { enhancedCode: enhanced }) };
  const { outcome, blame } = classifyReply(step, reply);
  const isTransport = blame === 'transport' && !isCrowded(step, reply);
  expect(isTransport ? 'transport' : outcome === 'deferred' ? 'later' : outcome).toBe(then);
});
