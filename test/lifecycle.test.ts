// The drawings and the table of what may be asked for in the docs are those in the code, arrow for arrow.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureCode } from '../libs/mail/email/failure';
import {
  ACTIONS,
  ALLOWED,
  BY_OTHER_CLIENTS,
  readState,
  STATES,
  TRANSITIONS,
  type Action,
  type Place,
  type State,
} from '../libs/mail/email/state';

const page = readFileSync(join(__dirname, '../docs/lifecycle.md'), 'utf8');
const drawings = [...page.matchAll(/^```mermaid\n([^`]*)^```$/gm)].map(([, drawing = '']) => drawing);

test.each([
  ['what may happen', 0, TRANSITIONS],
  ['what another BullMQ client may bring about', 1, BY_OTHER_CLIENTS],
])('docs/lifecycle.md draws exactly %s', (_name, index, table) => {
  const lines = (drawings[index] ?? '').trimEnd().split('\n').slice(1);
  const drawn = lines.map((line) => {
    const [, from = '', to = '', event = ''] = /^ {4}(\S+) --> (\S+): (.+)$/.exec(line) ?? [line];
    return [from === '[*]' ? 'new' : from, event, to === '[*]' ? 'gone' : to];
  });
  expect(drawn.sort()).toEqual(table.map((row) => [...row]).sort());
});

test('every state is reached, left and explained; no arrow is drawn twice', () => {
  const [left, reached] = [0, 2].map((index) => new Set<string>(TRANSITIONS.map((row) => row[index] ?? '')));
  expect(STATES.filter((state) => left?.has(state) !== true || reached?.has(state) !== true)).toEqual([]);
  expect(STATES.filter((state) => !new RegExp(`^\\| \`${state}\` +\\| [^|]{10,}\\|`, 'm').test(page))).toEqual([]);
  const all = [...TRANSITIONS, ...BY_OTHER_CLIENTS].map((row) => row.join());
  expect(all.filter((row, index) => all.indexOf(row) !== index)).toEqual([]);
});

test('docs/lifecycle.md says what may be asked for in each state', () => {
  const rows = [...page.matchAll(/^\| `?(\w+)`? +\| ((?:(?:`[-a-z]+`|yes|-) *\| *){8})$/gm)].map(([, first, cells]) => [
    first,
    ...(cells ?? '').split('|').flatMap((cell) => (cell.trim() === '' ? [] : [cell.trim()])),
  ]);
  expect(rows).toEqual([
    ['state', ...ACTIONS.map((action) => `\`${action}\``)],
    ...STATES.map((state) => [state, ...ACTIONS.map((action) => (ALLOWED[action].includes(state) ? 'yes' : '-'))]),
  ]);
});

/** Events of the table that a person asks for, and what that is. Some ask for what leaves the state as it is. */
const ASKED: [event: RegExp, action: Action, changesNothing: State[]][] = [
  [/^corrected for later$/, 'correct', STATES.filter((state) => state !== 'queued')],
  [/^hold$/, 'hold', []],
  [/^release$/, 'release', []],
  [/^release for later$/, 'release', []],
  [/^cancel$/, 'cancel', ['canceled']],
  [/^send now$/, 'send-now', ['queued']],
  [/^resolve as resend$/, 'resolve', []],
  [/^delete/, 'delete', []],
];

test.each(ASKED)('the arrows of %s begin where it may be asked for', (event, action, changesNothing) => {
  const from = TRANSITIONS.flatMap(([state, what]) => (event.test(what) ? [state] : []));
  const changing = ALLOWED[action].filter((state) => !changesNothing.includes(state));
  expect(from.sort()).toEqual([...changing].sort());
});

test('what time alone does to an email is in the table', () => {
  const [sendAt, expiresAt] = [100, 200];
  const steps = new Set<string>();
  for (const place of ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'] satisfies Place[])
    for (const attemptsMade of [0, 1])
      for (const failureCode of ['held', 'refused'] satisfies FailureCode[]) {
        const evidence = { place, attemptsMade, sendAt, expiresAt, failureCode };
        const states = [99, 100, 199, 200].map((now) => readState(evidence, now));
        for (const [index, to] of states.entries()) {
          const from = states[index - 1];
          if (from !== undefined && from !== to) steps.add(`${from} -> ${to}`);
        }
      }
  const byTime = TRANSITIONS.filter(([, event]) => event === 'due' || event === 'time over');
  const table = new Set(byTime.map(([from, , to]) => `${from} -> ${to}`));
  expect([...steps].filter((step) => !table.has(step))).toEqual([]);
  expect([...steps]).toEqual(
    expect.arrayContaining(['scheduled -> queued', 'queued -> expired', 'deferred -> expired']),
  );
});
