// An attack must find honest tenants served beside it, whatever it does.
import { createTurns } from './turns';

const task = (tenant: string, n = 0) => ({ tenant, n });

test('tenants take turns, each in its own order', () => {
  const turns = createTurns<ReturnType<typeof task>>({ threads: 4, now: () => 0 });
  for (const one of [task('a', 1), task('a', 2), task('a', 3), task('b', 1), task('c', 1)]) turns.add(one);
  const served = Array.from({ length: 5 }, () => turns.next([]));
  expect(served.map((one) => `${one?.tenant}${one?.n}`)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
  expect(turns.next([])).toBeUndefined();
});

test('a task goes behind one of its tenant only while nobody else waits', () => {
  const turns = createTurns<ReturnType<typeof task>>({ threads: 4, now: () => 0 });
  for (const n of [1, 2, 3]) turns.add(task('a', n));
  expect(turns.follower('b')).toBeUndefined();
  expect(turns.follower('a')).toEqual(task('a', 1));
  turns.add(task('b', 1));
  expect(turns.follower('a')).toBeUndefined();
  expect(turns.next([])).toEqual(task('a', 2));
  expect(turns.next([])).toEqual(task('b', 1));
  expect(turns.follower('a')).toEqual(task('a', 3));
  expect(turns.follower('a')).toBeUndefined();
});

test('no tenant has all threads', () => {
  const turns = createTurns({ threads: 3, now: () => 0 });
  for (const tenant of ['a', 'a', 'a', 'b']) turns.add({ tenant });
  const running = [turns.next([]), turns.next([])].flatMap((one) => one ?? []);
  expect(running.map(({ tenant }) => tenant)).toEqual(['a', 'b']);
  const more = turns.next(running);
  expect(more).toEqual({ tenant: 'a' });
  expect(turns.next([...running, { tenant: 'a' }])).toBeUndefined();
  expect(turns.ready([])).toBe(1);
});

test('tenants that offended twice in a minute share one thread, until the minute is over', () => {
  let now = 0;
  const turns = createTurns({ threads: 4, now: () => now });
  for (const tenant of ['bad', 'bad', 'worse', 'worse']) turns.offend(tenant);
  for (const tenant of ['bad', 'worse', 'good']) turns.add({ tenant });
  expect(turns.next([])).toEqual({ tenant: 'bad' });
  expect(turns.next([{ tenant: 'bad' }])).toEqual({ tenant: 'good' });
  expect(turns.next([{ tenant: 'bad' }])).toBeUndefined();
  now = 61_000;
  expect(turns.next([{ tenant: 'bad' }])).toEqual({ tenant: 'worse' });
});
