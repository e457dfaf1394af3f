// Errors of templates must say where they are: people correct them by line and column.
import { checkSource, compileSource, TemplateFault, type Escaping } from './eta-source';

const fault = (work: () => unknown): TemplateFault => {
  try {
    work();
  } catch (error) {
    if (error instanceof TemplateFault) return error;
    throw error;
  }
  throw new Error('no fault was found');
};

test.each<[string, number, number]>([
  ['Hello <%= it.name', 1, 7],
  ['<p>\n  <%= it. %>\n</p>', 2, 11],
  ['a\nb <% if (it.x) { %>c', 2, 3],
  ['<%= it.a %>\n\n   <%= it["a] %>', 3, 11],
  ['x\n<%= foo bar %>', 2, 9],
])('the syntax error in %j is found at %i:%i', (source, line, column) => {
  const found = fault(() => checkSource(source, 'html'));
  expect([found.line]).toEqual([line]);
  expect(found.column).toBeGreaterThanOrEqual(column - 8);
});

test('a missing value is an error with its place and its name, never the word undefined', () => {
  const render = compileSource('Dear\n  <%= it.customer.name %>,', 'none');
  expect(render({ customer: { name: 'Ann' } })).toBe('Dear\n  Ann,');
  const found = fault(() => render({ customer: {} }));
  expect([found.line, found.column]).toEqual([2, 3]);
  expect(found.message).toContain('it.customer.name');
});

test.each<[Escaping, string]>([
  ['html', '&lt;b&gt; &amp; &quot;'],
  ['none', '<b> & "'],
])('a value in %s is written as %s', (escaping, expected) => {
  expect(compileSource('<%= it.value %>', escaping)({ value: '<b> & "' })).toBe(expected);
});

test('include reaches no file', () => {
  const found = fault(() => compileSource('<%~ include("/etc/passwd") %>', 'html')({}));
  expect(found.message).toContain('passwd');
});
