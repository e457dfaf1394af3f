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

/** CPU ms of the cheapest of a few tries: who else uses the machine, or what one of them had to compile, does not count. */
const leastCpu = (work: () => unknown): number =>
  Math.min(
    ...[1, 2, 3, 4, 5].map(() => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    }),
  );

test('ten times the source takes about ten times as long', () => {
  const lines = (count: number): string => `${'x'.repeat(80)}\n<%= it.a %>\n`.repeat(count);
  const compile = (source: string, times: number) => (): void => {
    for (let time = 0; time < times; time++) compileSource(source, 'html');
  };
  // As much source in one piece as in ten: were each line to cost by those before it, the piece would take ten times as long.
  const tenPieces = leastCpu(compile(lines(500), 10));
  expect(leastCpu(compile(lines(5_000), 1)) / tenPieces).toBeLessThan(4);
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
