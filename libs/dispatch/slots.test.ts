// Who gets which slot: what one tenant may have, alone and beside others, and what it may have waiting.
import { createSlots, type SlotUser } from './slots';
import type { Slot } from './shares';

const MIB = 1_024 * 1_024;

/** A queue `tenant.app` with more work than anybody can do. */
const queueOf = (tenant: string, app = 'app', transport = 'default'): SlotUser => ({
  name: `${tenant}.${app}`,
  tenant,
  transport,
  busy: 0,
  limit: 1_000,
  hungry: true,
  stride: 1_000,
  fetching: 0,
});

const start = (slots: number, waiting = slots * 10) => {
  const all = createSlots<SlotUser>({ slots, waiting });
  const given: { tenant: string; name: string; slot: Slot }[] = [];
  const pump = (): void =>
    all.pump((user, slot) => {
      user.fetching--;
      given.push({ tenant: user.tenant, name: user.name, slot });
    });
  return {
    all,
    given,
    pump,
    add: (...users: SlotUser[]): void => {
      users.forEach((user) => all.add(user));
      pump();
    },
    held: (tenant: string): number => all.use()[tenant]?.held ?? 0,
    waiting: (tenant: string): number => all.use()[tenant]?.waiting ?? 0,
    /** The tenant's oldest slot that it has not waited with or freed here. */
    oldest: (tenant: string): Slot => {
      const at = given.findIndex((one) => one.tenant === tenant);
      const [{ slot } = { slot: undefined }] = at < 0 ? [] : given.splice(at, 1);
      if (slot === undefined) throw new Error(`${tenant} has no slot`);
      return slot;
    },
  };
};

test('alone a tenant has all slots but a few, which others find free', () => {
  const { add, held } = start(50);
  add(queueOf('a'));
  expect(held('a')).toBe(47);
  add(queueOf('b'), queueOf('c'), queueOf('d'), queueOf('e'));
  expect(['b', 'c', 'd', 'e'].map(held)).toEqual([1, 1, 1, 0]);
});

test('each slot that is freed goes to who holds the fewest, until all hold the same', () => {
  const { add, held, oldest, pump } = start(50);
  add(queueOf('a'), queueOf('a', 'other'));
  add(queueOf('b'));
  for (let freed = 0; freed < 30; freed++) {
    oldest('a').free();
    pump();
  }
  expect(Math.abs(held('a') - held('b'))).toBeLessThanOrEqual(1);
  expect(held('a') + held('b')).toBeGreaterThan(45);
});

test('within a tenant its queues take turns', () => {
  const { add, given, oldest, pump } = start(4);
  add(...['one', 'two', 'three'].map((app) => queueOf('a', app)));
  for (let freed = 0; freed < 3; freed++) {
    oldest('a').free();
    pump();
  }
  expect(given.map(({ name }) => name)).toEqual(['a.one', 'a.two', 'a.three']);
});

test('with too few slots to share, none is kept and none is given back early', () => {
  const { add, held, oldest } = start(2);
  add(queueOf('a'));
  expect(held('a')).toBe(2);
  expect(oldest('a').wait(0)).toBe(false);
});

test('what waits gives its slot back; so many of a transport may, and so many of a tenant', () => {
  const { add, all, given, oldest, pump, held, waiting } = start(50);
  const waitAll = (): void => {
    while (given.some(({ tenant }) => tenant === 'a')) {
      oldest('a').wait(0);
      pump();
    }
  };
  add(queueOf('a'));
  waitAll();
  // A fifth of 500 for a tenant, half of that for a transport.
  expect(waiting('a')).toBe(50);
  expect(all.use()['a']).toMatchObject({ held: 0, slow: { default: 50 } });
  add(queueOf('a', 'second', 'second'), queueOf('a', 'third', 'third'));
  waitAll();
  expect(waiting('a')).toBe(100);
  expect(all.use()['a']?.full).toBe(true);
  expect(held('a')).toBe(0);
  add(queueOf('b'));
  expect(held('b')).toBe(47);
});

test('the more tenants have some that wait, the fewer of each may', () => {
  const { add, all, given, pump, waiting } = start(50);
  const tenants = Array.from({ length: 20 }, (_, n) => `t${n}`);
  add(...tenants.map((tenant) => queueOf(tenant)));
  while (given.length > 0) {
    given.splice(0).forEach(({ slot }) => slot.wait(0));
    pump();
  }
  // 500 for 20 tenants, and half of that for the transport of each.
  for (const tenant of tenants) expect(waiting(tenant)).toBeLessThanOrEqual(13);
  expect(all.taken).toBe(0);
});

test('a large email counts for as many as it has MiB, and keeps its slot where that would be too much', () => {
  const { add, oldest, waiting } = start(50);
  add(queueOf('a'));
  const [first, second] = [oldest('a'), oldest('a')];
  expect(first.wait(0)).toBe(true);
  expect(first.wait(60 * MIB)).toBe(true);
  expect(waiting('a')).toBe(61);
  expect(second.wait(60 * MIB)).toBe(false);
  first.free();
  expect(waiting('a')).toBe(0);
  expect(second.wait(60 * MIB)).toBe(true);
});
