// Templates that never end, or take all memory: what becomes of the threads that they are rendered in.
import { createPool } from '../../libs/render/thread/pool';
import { threadsOf } from '../support/processes/threads';
import { eventually } from '../support/wait';

test('a thread that is ended has its place until it is gone, and leaves nothing behind', async () => {
  const before = threadsOf('self').size;
  let most = 0;
  const counting = setInterval(() => (most = Math.max(most, threadsOf('self').size)), 1);
  const pool = createPool({ threads: 2, trusted: false, now: Date.now });
  const rendering = (tenant: string, html: string, more: object = {}) =>
    pool
      .run(tenant, {
        kind: 'render',
        key: `${tenant} ${html}`,
        sources: { 'html:': html, 'text:': '-' },
        parts: ['html', 'text'],
        gone: [],
        data: JSON.stringify('a'.repeat(60)),
        ...more,
      })
      .then(
        ({ kind }) => kind,
        ({ why }: { why: string }) => why,
      );
  try {
    const manyDeclarations = '<style>p{<% for (let n = 0; n < 2000; n++) { %>--a<%= n %>:1;<% } %>}</style>';
    const largeDeclaration = '<style>p{--a:<%= "x".repeat(1e5) %>}</style>';
    const elements = '<%~ "<p></p>".repeat(4000) %>';
    const ends = await Promise.all([
      rendering('a', '<% /(a+)+b/.test("a".repeat(60)) %>'),
      rendering('b', '-', { schema: { pattern: '^(a+)+b$' } }),
      rendering('c', manyDeclarations + elements, { inlineCss: true }),
      rendering('d', largeDeclaration + elements, { inlineCss: true }),
      rendering('honest', 'beside them'),
    ]);
    // What the fourth makes is too much; a slow machine is out of time before it has made it.
    expect(['broken', 'time']).toContain(ends[3]);
    expect(ends.toSpliced(3, 1)).toEqual(['time', 'time', 'time', 'made']);
    expect(most - before).toBeLessThanOrEqual(2);
  } finally {
    clearInterval(counting);
    await pool.close();
  }
  await eventually(() => expect(threadsOf('self').size).toBe(before), { timeout: 1_000 });
});
