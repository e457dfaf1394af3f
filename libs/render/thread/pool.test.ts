// Threads that end, and what they were doing or were to do next.
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

test('who stands behind a task that ends its thread is served by the next one, and is no offender', async () => {
  const pool = createPool({ threads: 1, trusted: false, now: Date.now });
  const rendering = (name: string, source: string) =>
    pool.run('acme', {
      kind: 'render',
      key: name,
      sources: { 'html:': source, 'text:': '-' },
      parts: ['html', 'text'],
      gone: [],
      data: '{}',
    });
  try {
    await rendering('first', 'the thread is there');
    const bomb = rendering('bomb', '<% /(a+)+b/.test("a".repeat(60)) %>');
    const behind = Array.from({ length: 3 }, (_, n) => rendering(`honest ${n}`, `honest ${n}`));
    await expect(bomb).rejects.toMatchObject({ why: 'time' });
    expect(await Promise.all(behind)).toMatchObject(
      behind.map((_, n) => ({ kind: 'made', made: { html: `honest ${n}` } })),
    );
  } finally {
    await pool.close();
  }
});

test('answers belong to their jobs, whatever stands behind what', async () => {
  const pool = createPool({ threads: 1, trusted: true, now: Date.now });
  try {
    const bytes = Buffer.from('Subject: message\r\n\r\nbody\r\n');
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) =>
        n % 2 === 0
          ? pool.run('acme', { kind: 'text', html: `<p>${n}</p>` })
          : pool.run('acme', { kind: 'message', bytes: new Uint8Array(bytes) }),
      ),
    );
    const message: unknown = expect.objectContaining({ subject: 'message' });
    expect(answers).toEqual([message, '2', message, '4', message, '6']);
  } finally {
    await pool.close();
  }
});

test('an answer that lies unread while the process is busy is an answer, whatever its thread does after it', async () => {
  const pool = createPool({ threads: 1, trusted: true, now: Date.now });
  const row = '<tr><td>cell <b>bold</b> <a href="https://example.org/">link</a></td></tr>';
  const rows = (count: number): string => `<table>${row.repeat(count)}</table>`;
  const convert = (text: string) => pool.run('acme', { kind: 'text', html: text });
  try {
    for (let warm = 0; warm < 3; warm++) await convert(rows(5_000));
    const begun = performance.now();
    await convert(rows(5_000));
    // Two take longer together than one may, one alone does not.
    const html = rows(Math.floor((5_000 * 380) / (performance.now() - begun)));
    const alone = await convert(html);
    const both = [convert(html), convert(html)];
    await new Promise((resolve) => setTimeout(resolve, 5));
    // After this come timers, then messages.
    await new Promise((resolve) => setImmediate(resolve));
    block(2_500);
    expect(await Promise.all(both)).toEqual([alone, alone]);
  } finally {
    await pool.close();
  }
});
