// Which queues may be open: many of one tenant make room for another's.
import { newlyOpen, type OpenQueue } from './open-queues';
import { createOpenQueues } from './open-queues';
import type { EmailQueue } from '../jobs/layout/queues';

const queueOf = (name: string): OpenQueue => {
  const [tenant = '', application = ''] = name.split('.');
  const queue = { name, address: { tenant, application } } as unknown as EmailQueue;
  return newlyOpen(queue, { concurrency: 10, transport: 'default' });
};

const start = (most: number) => {
  const all = createOpenQueues(most);
  const open = (name: string): { room: boolean; instead?: string } => {
    const { room, instead } = all.keepRoom(name);
    if (instead !== undefined) all.remove(instead);
    if (room) {
      all.endOpening(name);
      all.add(queueOf(name));
    }
    return { room, ...(instead && { instead: instead.name }) };
  };
  return { all, open };
};

test('a tenant leaves some room to others, and gives way to them with queues that only wait', () => {
  const { all, open } = start(10);
  const opened = Array.from({ length: 12 }, (_, n) => open(`a.q${n}`)).filter(({ room }) => room);
  expect(opened).toHaveLength(9);
  expect(open('b.app')).toEqual({ room: true });
  for (const queue of all.all()) if (queue.name !== 'a.q5') queue.busy = 1;
  expect(open('c.app')).toEqual({ room: true, instead: 'a.q5' });
  expect(open('d.app')).toEqual({ room: false });
  expect(all.size).toBe(10);
});

test('between tenants that have as many, none gives way', () => {
  const { open } = start(4);
  expect(['a.x', 'b.x', 'c.x', 'd.x'].map((name) => open(name).room)).toEqual([true, true, true, true]);
  expect(open('e.x')).toEqual({ room: false });
  expect(open('a.y')).toEqual({ room: false });
});

test('what is opening counts, until it is not opened after all', () => {
  const { all } = start(1);
  expect(all.keepRoom('a.x').room).toBe(true);
  expect(all.isOpening('a.x')).toBe(true);
  expect(all.keepRoom('b.x').room).toBe(false);
  all.endOpening('a.x');
  expect(all.keepRoom('b.x').room).toBe(true);
});
