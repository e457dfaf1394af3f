// One address is found in every form and taken out; others that hold it as a part are left alone.
import { createPersonWords } from './person-words';

const words = createPersonWords('Ann@Bücher.example');

test.each([
  'ann@bücher.example',
  'ANN@xn--bcher-kva.example',
  'Ann <ann@Bücher.example>',
  '550 5.1.1 <ann@bücher.example>: unknown.',
  'to ann@bücher.example.',
  'https://shop.example/?to=ann%40xn--bcher-kva.example&x=1',
  'https://shop.example/?to%3Dann@xn--bcher-kva.example',
  "'ann@bücher.example'",
  'ann@bu\u0308cher.example',
])('it is in %s', (text) => {
  expect(words.areIn({ deep: [text] })).toBe(true);
  expect(words.areIn(words.takenOutOf({ deep: { text } }))).toBe(false);
});

test.each([
  'joann@bücher.example',
  'jo.ann@bücher.example',
  'jo-ann@bücher.example',
  "o'ann@bücher.example",
  'jo+ann@bücher.example',
  'ann@bücher.example.org',
  'ann@bücher.examples',
  'ann@bücher.example-shop.example',
  'ann.bücher.example',
])('it is not in %s', (text) => {
  expect(words.areIn([text])).toBe(false);
  expect(words.takenOutOf({ text, list: [text] })).toEqual({ text, list: [text] });
});

test('lists lose it, texts keep their other words, and of a change that names it nothing is left', () => {
  const ann = 'ann@bücher.example';
  expect(
    words.takenOutOf({
      to: [{ name: 'Ann Lee', address: ann }, { address: 'bob@example.org' }],
      accepted: [ann, 'bob@example.org'],
      replies: [
        { recipient: ann, code: 550 },
        { code: 550, text: `no ${ann} here` },
      ],
      text: `Ann Lee <${ann}>`,
      fields: { data: { before: { name: 'Ann', mail: ann }, after: {} }, tags: { before: ['a'], after: [] } },
      reported: { [`bounced|${ann}`]: 'x', 'bounced|bob@example.org': 'y' },
    }),
  ).toEqual({
    to: [{ address: 'bob@example.org' }],
    accepted: ['bob@example.org'],
    replies: [{ code: 550, text: 'no (erased) here' }],
    text: '(erased)',
    fields: { data: { before: '(erased)', after: '(erased)' }, tags: { before: ['a'], after: [] } },
    reported: { 'bounced|bob@example.org': 'y' },
  });
});
