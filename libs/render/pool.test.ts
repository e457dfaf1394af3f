// Threads that answer when nobody waits for them any more leave nothing behind.
import { readdirSync, readlinkSync } from 'node:fs';
import { createPool } from './pool';

const clocks = (): number =>
  readdirSync('/proc/self/fd').filter((file) => {
    try {
      return readlinkSync(`/proc/self/fd/${file}`).endsWith('/schedstat');
    } catch {
      return false;
    }
  }).length;

/** The thread starts meanwhile; nothing that it says is heard before the end. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a thread that is ready after the pool was closed costs no file', async () => {
  const before = clocks();
  const pool = createPool({ threads: 1, trusted: true, now: Date.now });
  const waiting = pool.run('acme', { kind: 'text', html: '<p>x</p>' });
  const rejected = expect(waiting).rejects.toThrow('stopped');
  await new Promise((resolve) => setImmediate(resolve));
  block(4_000);
  await pool.close();
  await rejected;
  await new Promise((resolve) => setImmediate(resolve));
  expect(clocks()).toBe(before);
});
