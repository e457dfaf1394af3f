// What people type into the search box means what the API filters by, or they are told.
import { STATES } from '../../../../libs/mail/email/state';
import { bulkFilter, KNOWN, queryWord, readQuery, withStates } from './read-query';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const ID = `m_${'0'.repeat(26)}`;
const read = (text: string) => readQuery(text, NOW);

test('every filter, quoted words, spans of time, and where to look', () => {
  const { filter, tenant, application, faults, chips } = read(
    'ann@example.org state:failed,held since:7d until:2026-11-28 template:invoice tag:x subject:"two words" code:refused ' +
      'reply:"550 5.1.1" transport:default metadata.case:114 queue:acme/billing',
  );
  expect(filter).toEqual({
    recipient: 'ann@example.org',
    state: 'failed,held',
    since: '2026-11-21T12:00:00.000Z',
    until: '2026-11-28',
    template: 'invoice',
    tag: 'x',
    subject: 'two words',
    code: 'refused',
    reply: '550 5.1.1',
    transport: 'default',
    'metadata.case': '114',
  });
  expect({ tenant, application, faults, chips: chips.length }).toEqual({
    tenant: 'acme',
    application: 'billing',
    faults: [],
    chips: 12,
  });
});

test.each([
  [ID, { id: ID }],
  [`id:${ID}`, { id: ID }],
  ['<a.b@host.example>', { messageId: '<a.b@host.example>' }],
  [`${ID}@mail.example`, { messageId: `${ID}@mail.example` }],
  ['message-id:a@b.example', { messageId: 'a@b.example' }],
  ['i_0123456789ab', { incident: 'i_0123456789ab' }],
  ['ann*', { recipient: 'ann*' }],
  ['to:*@gmial.com', { recipient: '*@gmial.com' }],
  ['your invoice', { subject: 'your invoice' }],
  ['"your invoice"', { subject: 'your invoice' }],
  ['state:failed state:held', { state: 'failed,held' }],
  ['STATE:Failed', { state: 'failed' }],
  ['since:24h', { since: '2026-11-27T12:00:00.000Z' }],
  ['   ', {}],
  ['subject:"half', { subject: 'half' }],
  ['tag:a:b', { tag: 'a:b' }],
])('%s', (text, filter) => {
  expect(read(text)).toMatchObject({ filter, faults: [] });
  expect(read(text).filter).toEqual(filter);
});

test('what is not understood is told, with what there is', () => {
  expect(read('foo:bar state:lost since:yesterday ann@x.example bob@x.example tag: __proto__:x').faults).toMatchObject([
    { word: 'foo:bar', why: 'unknown', known: KNOWN },
    { word: 'state:lost', why: 'value', known: STATES },
    { word: 'since:yesterday', why: 'value', known: ['7d', '24h', '2026-11-01'] },
    { word: 'bob@x.example', why: 'twice' },
    { word: 'tag:', why: 'empty' },
  ]);
  expect(read('constructor:x').faults).toMatchObject([{ why: 'unknown' }]);
});

test('chips take their word away; tabs change the state alone; operations on many take lists', () => {
  const { chips } = read('ann@x.example subject:"two words" state:failed');
  expect(chips.map(({ without }) => without)).toEqual([
    'subject:"two words" state:failed',
    'ann@x.example state:failed',
    'ann@x.example subject:"two words"',
  ]);
  expect(withStates('a@b.example state:failed tag:"x y"', 'held')).toBe('a@b.example tag:"x y" state:held');
  expect(withStates('state:failed', undefined)).toBe('');
  expect(bulkFilter({ state: 'failed,held', tag: 'x' })).toEqual({ state: ['failed', 'held'], tag: 'x' });
  expect(queryWord('subject', 'two words')).toBe('subject:"two words"');
});
