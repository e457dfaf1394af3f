// What a transport and a queue allow is neither used up by emails that no server saw, nor kept by an attempt that is over.
import type { Admission } from '../../../../libs/store/limits/transport-limits';
import { holdAdmission } from './admission';

let said: string[];
beforeEach(() => (said = []));

const admission = (transport: string, leaves = false): Admission => ({
  transport,
  end: () => void said.push(`end ${transport}`),
  cancel: () => void said.push(`cancel ${transport}`),
  ...(leaves && { leaveTransport: () => void said.push(`leave ${transport}`) }),
  refused: async (words) => {
    said.push(`refused ${transport}: ${words}`);
    return { others: 0, most: 1, changed: true };
  },
});

test('it is cancelled where no server was asked, and ended where one was', () => {
  holdAdmission(admission('default')).giveBack();
  const asked = holdAdmission(admission('default'));
  asked.setServerAsked(true);
  asked.giveBack();
  const postponed = holdAdmission(admission('default'));
  postponed.setServerAsked(true);
  postponed.setServerAsked(false);
  postponed.giveBack();
  expect(said).toEqual(['cancel default', 'end default', 'cancel default']);
});

test.each([
  { leaves: false, left: 'cancel default' },
  { leaves: true, left: 'leave default' },
])('another transport is asked after its own was left ($left); both are given back', async ({ leaves, left }) => {
  const held = holdAdmission(admission('default', leaves));
  expect(await held.changeTransport(async () => admission('other'))).toBeUndefined();
  expect(said).toEqual([left]);
  expect(held.transport).toBe('other');
  await held.refused('too many');
  held.setServerAsked(true);
  held.giveBack();
  expect(said.slice(1)).toEqual(['refused other: too many', 'end default', 'end other']);
});

test('a transport that does not admit it leaves it with what it had', async () => {
  const held = holdAdmission(admission('default', true));
  expect(await held.changeTransport(async () => ({ until: 5 }))).toEqual({ until: 5 });
  expect(held.transport).toBe('default');
  held.giveBack();
  expect(said).toEqual(['leave default', 'cancel default']);
});
