// The drawing of states in the docs is the table in the code, arrow for arrow.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATES, TRANSITIONS } from '../libs/mail/email/state';

const drawing = readFileSync(join(__dirname, '../docs/lifecycle.md'), 'utf8');

test('docs/lifecycle.md draws exactly the transitions that exist', () => {
  const drawn = [...drawing.matchAll(/^ {4}(\S+) --> (\w+): (.+)$/gm)].map(([, from = '', to = '', event = '']) => [
    from === '[*]' ? 'new' : from,
    event,
    to,
  ]);
  expect(drawn.sort()).toEqual(TRANSITIONS.map((row) => [...row]).sort());
});

test('every state is reached and explained', () => {
  const reached = new Set(TRANSITIONS.map(([, , to]) => to));
  expect(STATES.filter((state) => !reached.has(state))).toEqual([]);
  expect(STATES.filter((state) => !new RegExp(`^\\| \`${state}\` +\\|`, 'm').test(drawing))).toEqual([]);
});
