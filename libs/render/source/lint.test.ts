// The lint must let honest templates pass, and tell the others where and why.
import { checkSource } from './lint';

test.each<[string, string]>([
  ['a loop', '<% for (const { name, price = 0 } of it.items) { %><%= name %> <%= price.toFixed(2) %><% } %>'],
  ['forEach with an index', '<% it.items.forEach((item, i) => { %><%= i + 1 %>: <%= item?.name ?? "-" %><% }) %>'],
  ['counting', '<% let sum = 0; for (let i = 0; i < it.n; i++) sum += it.list[i].price; %><%= sum %>'],
  ['while and switch', '<% let n = 3; while (n--) { switch (n) { case 1: output("x"); break; default: } } %>'],
  ['texts and dates', '<%= `${it.name.trim().toUpperCase()} ${new Date(it.at).getFullYear()} ${Date.parse(it.at)}` %>'],
  [
    'objects',
    '<% const rows = Object.entries(it.map).map(([key, value]) => ({ key, ...value })); %><%= rows.length %>',
  ],
  ['functions', '<% function row(one, ...more) { return `${one}${more.join()}` } %><%~ row(1, 2) %>'],
  ['errors', '<% try { if (!it.items.length) throw new Error("no items") } catch (error) { output(error.message) } %>'],
  [
    'includes and blocks',
    '<% layout("frame", { title: it.t }) %><% block("head", () => { %>x<% }) %><%~ include("row") %>',
  ],
  ['the data itself', '<% it.total = it.a + it.b; it.list[0].x ??= 1 %><%= it.total %>'],
  ['formatting', '<%= formatMoney(it.sum, "CHF", "de-CH") %> <%= formatDate(it.at, { locale: "de" }) %>'],
  [
    'tools',
    '<%= JSON.stringify(it.x) + Math.max(...it.list) + Number("1") + String(2) + [...new Set(it.list)].length %>',
  ],
  ['a label', '<% outer: for (const a of it.a) for (const b of a) if (b) continue outer; %>'],
])('%s is fine', (_name, source) => {
  expect(checkSource(source, 'html', true)).toEqual([]);
});

test.each<[string, string, number, number, RegExp]>([
  ['an unknown name', 'Dear\n<%= name %>', 2, 5, /name is not known: data are under it, like it\.name/],
  ['a global that is not declared', '<% let a = 1; %>\n <% total = 0 %>', 2, 5, /total is not/],
  ['new', '<% new Proxy({}, {}) %>', 1, 4, /new is for Date/],
  ['class', '<% class A {} %>', 1, 4, /class is not allowed/],
  ['this', '<%= this.x %>', 1, 5, /this has no meaning/],
  ['import', '<% import("fs") %>', 1, 4, /import is not allowed: use include/],
  ['async', '<% const f = async () => 1 %>', 1, 14, /neither async/],
  ['a generator', '<% function* f() {} %>', 1, 4, /nor generators/],
  ['constructor', '<%= it.constructor %>', 1, 5, /constructor is not allowed/],
  ['constructor in quotes', '<%= it["constructor"] %>', 1, 5, /constructor is not allowed/],
  ['__proto__ in an object', '<% const a = { __proto__: it } %>', 1, 16, /__proto__ is not allowed/],
  ['with', '<% with (it) { } %>', 1, 4, /with is not allowed/],
  ['a tagged template', '<%= String.raw`a` %>', 1, 5, /tagged templates/],
  ['the inside of Eta', '<%= __eta.res %>', 1, 5, /__eta is not known/],
  ['changing what is given', '<% include = 1 %>', 1, 4, /include is not a variable of the template/],
  ['changing a global object', '<% Math.max = 1 %>', 1, 4, /Math is not a variable of the template/],
])('%s is told with its place', (_name, source, line, column, message) => {
  const [fault] = checkSource(source, 'html', true);
  expect(fault).toMatchObject({ line, column, message: expect.stringMatching(message) as string });
});

test('faults are told in their order, ten at once', () => {
  const faults = checkSource('<%= a %>'.repeat(20), 'none', true);
  expect(faults.map(({ column }) => column)).toEqual(Array.from({ length: 10 }, (_, n) => 8 * n + 5));
});

test('a source that is nested very deep is refused, not fatal', () => {
  expect(checkSource(`<%= ${'('.repeat(50_000)} %>`, 'html', true)).toHaveLength(1);
});
