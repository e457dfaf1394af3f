// Errors of templates must say where they are: people correct them by line and column.
import { compileSource } from './eta-source';
import { checkSource } from './lint';

test.each<[string, number, number]>([
  ['Hello <%= it.name', 1, 7],
  ['<p>\n  <%= it. %>\n</p>', 2, 11],
  ['a\nb <% if (it.x) { %>c', 2, 3],
  ['<%= it.a %>\n\n   <%= it["a] %>', 3, 11],
  ['x\n<%= foo bar %>', 2, 9],
])('the syntax error in %j is found at %i:%i', (source, line, column) => {
  const [found] = checkSource(source, 'html', false);
  expect([found?.line]).toEqual([line]);
  expect(found?.column).toBeGreaterThanOrEqual(column - 8);
});

/** ms of the quickest of nine: the others may have shared their processor. */
const quickest = (source: string): number =>
  Math.min(
    ...Array.from({ length: 9 }, () => {
      const begun = performance.now();
      compileSource(source, 'html');
      return performance.now() - begun;
    }),
  );

test('ten times the source takes about ten times as long', () => {
  const lines = (count: number): string => `${'x'.repeat(80)}\n<%= it.a %>\n`.repeat(count);
  quickest(lines(500));
  expect(quickest(lines(5_000))).toBeLessThan(quickest(lines(500)) * 40);
});

test('every tag keeps its place and its code', () => {
  const source = 'a <%= it.a %>\n  <%_ for (const x of it.list) { -%>\n<%~ x %> and <%= x %>\n<% } %>';
  expect(compileSource(source, 'html').tags).toEqual([
    { line: 1, column: 3, code: 'it.a' },
    { line: 2, column: 3, code: 'for (const x of it.list) {' },
    { line: 3, column: 1, code: 'x' },
    { line: 3, column: 14, code: 'x' },
    { line: 4, column: 1, code: '}' },
  ]);
});
