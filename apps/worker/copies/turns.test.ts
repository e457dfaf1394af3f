// Nobody waits for ever, however many queues there are, and a tenant with many does not take the place of others.
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import { createTurns } from './turns';

const queuesOf = (tenant: string, count: number): QueueAddress[] =>
  Array.from({ length: count }, (_, n) => ({ tenant, application: `app${n}` }));

/** Turns that end when a test says so. */
const underTest = () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const turns = createTurns(({ tenant, application }) => {
    begun.push(`${tenant}.${application}`);
    return new Promise((resolve) => ends.push(resolve));
  });
  const endAll = async (): Promise<void> => {
    while (ends.length > 0) {
      ends.splice(0).forEach((end) => end());
      await new Promise(setImmediate);
    }
  };
  return { turns, begun, ends, endAll };
};

test('the sixth queue of a tenant and the 201st of all are served after those before them, once an offer', async () => {
  const { turns, begun, endAll } = underTest();
  const all = [...queuesOf('big', 20), ...Array.from({ length: 220 }, (_, n) => queuesOf(`t${n}`, 1)).flat()];
  turns.offer(all);
  expect(begun).toHaveLength(200);
  await endAll();
  expect(new Set(begun).size).toBe(all.length);
  expect(begun).toHaveLength(all.length);
});

test('who was served longest ago is next, also where those before never end in time', () => {
  const { turns, begun, ends } = underTest();
  const all = queuesOf('acme', 8);
  turns.offer(all);
  expect(begun).toEqual(['acme.app0', 'acme.app1', 'acme.app2', 'acme.app3', 'acme.app4']);
  expect(turns.isWanted({ tenant: 'acme', application: 'app0' })).toBe(true);
  expect(turns.isWanted({ tenant: 'other', application: 'app' })).toBe(false);
  // A newcomer does not pass those that wait already, and another tenant does.
  turns.offer([...all, ...queuesOf('other', 1)]);
  expect(begun.slice(5)).toEqual(['other.app0']);
  expect(ends).toHaveLength(6);
});

test('one place that is left goes from tenant to tenant', async () => {
  const { turns, begun, ends, endAll } = underTest();
  turns.offer([...queuesOf('a', 5), ...queuesOf('b', 5)]);
  expect(begun.map((name) => name.charAt(0)).join('')).toBe('ababababab');
  turns.offer([...queuesOf('a', 7), ...queuesOf('b', 5)]);
  ends[0]?.();
  await new Promise(setImmediate);
  expect(begun.slice(10)).toEqual(['a.app5']);
  await endAll();
  expect(begun.slice(11)).toEqual(['a.app6']);
  const ended = turns.end();
  await endAll();
  await ended;
});
