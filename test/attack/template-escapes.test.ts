// Hostile templates: nothing of the host is reached, nobody else is held up, nothing is left for the next render.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkSource } from '../../libs/render/source/lint';
import type { Sources } from '../../libs/render/thread/protocol';
import { createPool, JobExhausted, type Pool } from '../../libs/render/thread/pool';
import { showTable } from '../support/fault';

const CANARY = 'canary-7f3a9c';
const FILE = join(mkdtempSync(join(tmpdir(), 'rohrpost-canary-')), 'secret');
writeFileSync(FILE, CANARY);

/** What an attacker does who got hold of the process. */
const STEAL = `process.getBuiltinModule('fs').readFileSync('${FILE}', 'utf8')`;
/** The same with a global object. */
const LOOT = `const loot = (g) => (g && g.process ? g.${STEAL} : 'nothing');`;
/** Evaluates to the global of wherever `maker` makes functions. */
const by = (maker: string): string => `<% ${LOOT} %><%= loot(${maker}('return globalThis')()) %>`;

const ESCAPES: Record<string, string> = {
  'constructor of a function': by('(() => 1).constructor'),
  'constructor of include': by('include.constructor'),
  'constructor of layout': by('layout.constructor'),
  'constructor of output': by('output.constructor'),
  'constructor of capture': by('capture.constructor'),
  'constructor of block': by('block.constructor'),
  'constructor of a formatter': by('formatDate.constructor'),
  'constructor of the data': by('it.constructor.constructor'),
  'constructor of an array method': by('[].map.constructor'),
  'constructor by computed name': by("(() => 1)['con' + 'structor']"),
  'constructor by escapes': by("(() => 1)['\\x63onstructor']"),
  'constructor of an escape function': by('__eta.e.constructor'),
  'constructor of a filter function': by('__eta.f.constructor'),
  'constructor of a generator': by('(function* () {}).constructor'),
  'constructor of a promise': by('Promise.resolve().constructor.constructor'),
  'constructor of an error of the host': `<% ${LOOT} let e; try { formatDate(0, {}) } catch (x) { e = x } %><%= loot(e.constructor.constructor('return globalThis')()) %>`,
  'constructor of what a formatter gives': by("formatNumber(1, { locale: 'de' }).constructor.constructor"),
  'async function': `<% (async () => { throw it })().constructor.constructor('return process')().exit() %>`,
  'async with await': `<% const f = async () => { await 1; globalThis.process.exit() }; f() %>fine`,
  'this at the top': `<% ${LOOT} %><%= loot(this) %>`,
  'this of a function': `<% ${LOOT} %><%= loot((function () { return this })()) %>`,
  globalThis: `<% ${LOOT} %><%= loot(globalThis) %>`,
  process: `<%= ${STEAL} %>`,
  'process.binding': "<%= process.binding('fs') %>",
  require: `<%= require('fs').readFileSync('${FILE}') %>`,
  'module.require': `<%= module.require('fs').readFileSync('${FILE}') %>`,
  'import of a module': `<% import('node:fs').then((fs) => output(fs.readFileSync('${FILE}'))) %>fine`,
  'import of a file': `<% import('${FILE}') %>fine`,
  'import by Function': `<% Function("return import('node:fs')")().then((fs) => output(fs.readFileSync('${FILE}'))) %>fine`,
  eval: `<% ${LOOT} %><%= loot(eval('globalThis')) %>`,
  'indirect eval': `<% ${LOOT} %><%= loot((0, eval)('this')) %>`,
  Function: by('Function'),
  'Reflect.construct': `<% ${LOOT} %><%= loot(Reflect.construct(Function, ['return globalThis'])()) %>`,
  'Proxy as data': `<% ${LOOT} const p = new Proxy({}, { get: (t, k, r) => r }); %><%= include('x', p) %>`,
  'Proxy of a function': by('new Proxy(Function, {})'),
  prepareStackTrace: `<% Error.prepareStackTrace = (e, s) => s; const s = new Error().stack; %><%= typeof s === 'string' ? 'text' : s[0].getThis().${STEAL} %>`,
  'call sites': `<% const e = {}; Error.captureStackTrace && Error.captureStackTrace(e) %><%= String(e.stack).includes('/libs/') ? '${CANARY}' : 'clean' %>`,
  'stack of an error': `<%= /node_modules|worker/.test(new Error().stack) ? '${CANARY}' : 'clean' %>`,
  'arguments.callee.caller': `<% const c = arguments.callee.caller %><%= c && c.constructor('return process')().${STEAL.slice(8)} %>`,
  'caller of a function': `<% function f() { return f.caller } %><%= f().caller.constructor('return process')().${STEAL.slice(8)} %>`,
  species: `<% const a = []; a.constructor = { [Symbol.species]: function () { return globalThis } } %><%= a.map((x) => x).${STEAL} %>`,
  'Symbol.toPrimitive': `<%= ({ [Symbol.toPrimitive]: () => globalThis.${STEAL} }) + '' %>`,
  'Symbol.hasInstance': `<% Object.defineProperty(Error, Symbol.hasInstance, { value: () => true }); throw { message: { toString() { return ${STEAL} } } } %>`,
  'Symbol.iterator of strings': `<% String.prototype[Symbol.iterator] = function () { return globalThis.process } %><%= [...'ab'].join() %>`,
  'toJSON of everything': `<% Object.prototype.toJSON = function () { return { made: { html: { length: -1e9 } } } } %>fine`,
  'JSON replaced': `<% JSON.stringify = () => '{"made":{"html":7}}'; JSON.parse = () => globalThis %>fine`,
  'then of everything': `<% Object.prototype.then = (yes) => yes(globalThis.process.exit()) %>fine`,
  'setter of a result': `<% Object.defineProperty(Object.prototype, 'html', { set(v) { globalThis.got = v }, configurable: true }) %>fine`,
  'Map replaced': `<% Map.prototype.get = () => () => globalThis.${STEAL} %><%~ include('other') %>`,
  'internals: line and result': `<% __eta.res = { toString() { return ${STEAL} } } %>`,
  'internals: tag number': `<% __eta.tag = '__proto__'; throw new Error('x') %>`,
  'out of the function': `<% } ; globalThis.process.exit(); function x() { %>`,
  'out of a comment': `<% /* %> <% */ globalThis.process && process.exit() %>fine`,
  'out of a string': "text ' + globalThis.process.exit() + ' text \\' + process.exit() + \\'",
  'out by a line separator': "a\u2028');globalThis.process.exit();('b",
  'out by backticks': '`${globalThis.process.exit()}` <%= `${typeof process}` %>',
  'out of an expression': `<%= 1)); globalThis.process.exit((( 0 %>`,
  'html comment': '<% <!-- globalThis.process.exit() %>\n<%= typeof process %>',
  hashbang: '#!/usr/bin/env node\n<%= typeof process %>',
  with: `<% with (globalThis) { output(${STEAL}) } %>`,
  'class static block': `<% ${LOOT} class A { static { this.x = loot(globalThis) } } %><%= A.x %>`,
  'tagged template': '<%= (() => 1).constructor\`return 1\`() %>',
  'getter of data': `<% Object.defineProperty(it, 'name', { get() { return globalThis.${STEAL} } }) %><%= it.name %>`,
  '__proto__ of data': '<% it.__proto__.constructor.constructor("return process")().exit() %>',
  'lookup of a setter': `<% ${LOOT} const s = it.__lookupSetter__('__proto__') %><%= loot(s.constructor('return globalThis')()) %>`,
  'std and os of QuickJS': `<%= typeof std + typeof os === 'undefinedundefined' ? 'clean' : std.loadFile('${FILE}') %>`,
  'worker of QuickJS': `<% new Worker('${FILE}') %>`,
  'SharedArrayBuffer and Atomics': '<% Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) %>fine',
  'host function by a hostile kind': `<%= (123).toLocaleString({ toString() { return '__proto__' } }) %>`,
  'locale of a megabyte': `<%= formatNumber(1, { locale: 'x'.repeat(1e6) }) %>`,
  'options that pollute': `<%= formatDate(0, JSON.parse('{"locale":"de","__proto__":{"polluted":1}}')) %>`,
  'include of itself': `<%~ include('x', {}) %><%~ include('', {}) %>`,
  'include of a path': `<%~ include('../../etc/passwd') %>`,
  'include of an absolute path': `<%~ include('${FILE}') %>`,
  'include of another tenant': `<%~ include('other/secret') %>`,
  'include of a prototype': `<%~ include('__proto__') %>`,
  'include of an object': `<%~ include({ toString: () => 'x' }) %>`,
  'layout of a path': `<% layout('${FILE}') %>`,
  'layout of itself': `<% layout('') %>`,
  timers: '<% setTimeout(() => process.exit(), 0) %>',
  fetch: `<% fetch('http://127.0.0.1/') %>`,
  finalizers: '<% new FinalizationRegistry(() => process.exit()).register({}) %>fine',
  microtasks: '<% Promise.resolve().then(() => { for (;;); }) %>fine',
};

/** Templates that take all time or memory, if they are let. */
const BOMBS: Record<string, string> = {
  'endless loop': '<% for (;;) {} %>',
  'endless loop that catches': '<% for (;;) { try { for (;;) {} } catch {} } %>',
  'endless loop in finally': '<% function f() { try { for (;;) {} } finally { f() } } f() %>',
  'endless getter': '<% const o = { get x() { for (;;) {} } } %><%= o.x %>',
  'endless generator': '<% for (const x of (function* () { for (;;) yield 1 })()) {} %>',
  'endless sort': '<% [1, 2, 3].sort(() => { for (;;) {} }) %>',
  'endless toString': '<%= [{ toString() { for (;;) {} } }] + "" %>',
  'endless at loading': '<% } for (;;) {} { %>',
  'endless recursion': '<% const f = () => f(); f() %>',
  'endless recursion by getters': '<% const o = { get x() { return this.x } }; o.x %>',
  'endless recursion by include': `<%~ include('') %>`,
  'deep recursion of JSON': '<% JSON.parse("[".repeat(1e6)) %>',
  'deep array to text': '<% let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a) %>',
  'regular expression': '<% /^(a+)+$/.test("a".repeat(40) + "b") %>',
  'regular expression of the source': "<% `${`${`${`${`${'%>",
  'native loop over a text': '<% const s = "x".repeat(1e6); for (;;) s.toUpperCase() %>',
  'native loop over holes': '<% new Array(3e8).join("x") %>',
  'native fill': '<% new Array(1e8).fill(0) %>',
  'native search': '<% const s = "a".repeat(2e6); s.indexOf("a".repeat(1e6) + "b") %>',
  'big number': '<% 3n ** 5000000n %>',
  'bigger number': '<% (2n ** 100000n) ** 1000n %>',
  'text that doubles': '<% let s = "x"; for (;;) s += s %>',
  'text that repeats': '<% "x".repeat(2 ** 30) %>',
  'output without end': '<% for (;;) { %>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx<% } %>',
  'output of many megabytes': '<%= "x".repeat(6e6) %>',
  'array flood': '<% const a = []; for (;;) a.push(new Array(1e5).fill(1)) %>',
  'map flood': '<% const m = new Map(); for (let i = 0; ; i++) m.set(i, {}) %>',
  'buffer flood': '<% const a = []; for (;;) a.push(new ArrayBuffer(1e6)) %>',
  'symbol flood': '<% for (let i = 0; ; i++) Symbol.for("x" + i) %>',
  'promise flood': '<% for (;;) Promise.resolve().then(() => 1) %>',
  'error flood': '<% for (;;) { try { null.x } catch (e) { globalThis.e = [globalThis.e, e] } } %>',
  'format flood': `<% for (let i = 0; ; i++) try { formatNumber(i, { locale: 'de', minimumFractionDigits: i % 20 }) } catch {} %>`,
  'compare flood': '<% const s = "x".repeat(9e3); for (;;) s.localeCompare(s) %>',
};

const pool = createPool({ threads: 2, trusted: false, now: Date.now });
afterAll(() => pool.close());

const jobOf = (source: string, data: unknown = { name: 'Ann' }, more: Sources = {}) => ({
  kind: 'render' as const,
  key: `${source}${JSON.stringify(more)}`,
  sources: { 'html:': source, ...more },
  parts: ['html' as const],
  gone: [],
  data: JSON.stringify(data),
});

/** What came of a template: what it wrote, or in which way it failed. */
const outcomeOf = async (on: Pool, tenant: string, source: string): Promise<string> => {
  try {
    const answer = await on.run(tenant, jobOf(source));
    return answer.kind === 'made' ? (answer.made.html ?? '') : JSON.stringify(answer);
  } catch (error) {
    if (error instanceof JobExhausted) return `ended: ${error.why}`;
    throw error;
  }
};

const honest = (tenant: string): Promise<string> => outcomeOf(pool, tenant, '<p>Hello <%= it.name %></p>');

const isRejected = (source: string): boolean => checkSource(source, 'html', true).length > 0;

test('there are many attacks', () => {
  expect(Object.keys(ESCAPES).length + Object.keys(BOMBS).length).toBeGreaterThanOrEqual(100);
});

test('no escape sees anything of the host, with the lint out of the way', async () => {
  const before = Object.getOwnPropertyNames(Object.prototype).join();
  for (const [name, source] of Object.entries(ESCAPES)) {
    const outcome = await outcomeOf(pool, 'hostile', source);
    expect([name, outcome.includes(CANARY), outcome]).toEqual([
      name,
      false,
      expect.not.stringContaining('ended: broken'),
    ]);
    expect([name, await honest('hostile')]).toEqual([name, '<p>Hello Ann</p>']);
  }
  expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
});

test('the same attacks do reach a host that has no wall', async () => {
  const open = createPool({ threads: 1, trusted: true, now: Date.now });
  const outcomes = [];
  for (const source of Object.values(ESCAPES).filter((attack) => !attack.includes('for (;;)')))
    outcomes.push(await outcomeOf(open, 'hostile', source));
  await open.close();
  const through = outcomes.filter((outcome) => outcome.includes(CANARY) || outcome === 'ended: broken').length;
  showTable('escapes', [{ wall: 'plain V8', of: outcomes.length, through }]);
  expect(through).toBeGreaterThan(25);
});

test('every bomb is ended, and the next render is well', async () => {
  const rows: Record<string, string | number>[] = [];
  for (const [name, source] of Object.entries(BOMBS)) {
    const begun = performance.now();
    const outcome = await outcomeOf(pool, 'hostile', source);
    const ms = Math.round(performance.now() - begun);
    rows.push({ bomb: name, ms, lint: isRejected(source) ? 'refuses it' : '-', outcome: outcome.slice(0, 60) });
    expect([name, /^ended|"kind":"fault"/.test(outcome)]).toEqual([name, true]);
    expect([name, await honest('hostile')]).toEqual([name, '<p>Hello Ann</p>']);
  }
  const refused = Object.values(ESCAPES).filter(isRejected).length;
  showTable(`bombs (of ${Object.keys(ESCAPES).length} escapes the lint refuses ${refused})`, rows);
});

const POLLUTE = `<% Object.prototype.name = 'polluted'; String.prototype.replaceAll = () => 'polluted';
Array.prototype.map = () => ['polluted']; globalThis.left = (globalThis.left ?? 0) + 1; JSON.parse = () => ({ name: 'polluted' });
arguments.callee.left = (arguments.callee.left ?? 0) + 1; include.left = 1; Math.max = () => 7; RegExp.prototype.test = () => false;
Object.freeze = 1; Function.prototype.call = () => 'polluted'; %><%= globalThis.left %>-<%= arguments.callee.left %>`;

test('what a template does to its world is gone at the next render, its own too', async () => {
  const one = createPool({ threads: 1, trusted: false, now: Date.now });
  for (let round = 0; round < 5; round++) expect(await outcomeOf(one, 'hostile', POLLUTE)).toBe('1-1');
  const source = '<%= it.name %> & <%= "a<b" %> <%= [1].map(String) %> <%= Math.max(1, 2) %> <%= typeof left %>';
  expect(await outcomeOf(one, 'hostile', source)).toBe('Ann & a&lt;b 1 2 undefined');
  expect(await outcomeOf(one, 'honest', source)).toBe('Ann & a&lt;b 1 2 undefined');
  await one.close();
});

test('honest emails are rendered while an attack goes on beside them', async () => {
  const pair = createPool({ threads: 2, trusted: false, now: Date.now });
  const greet = (n: number): Promise<string> => outcomeOf(pair, `honest-${n % 3}`, '<p>Hello <%= it.name %></p>');
  // Both threads are up: an attack has one of them only, whoever waits.
  await Promise.all([greet(0), greet(1), greet(2)]);
  const alone = await slowest(greet);
  let ended = 0;
  const attacks = Array.from({ length: 6 }, () =>
    outcomeOf(pair, 'hostile', BOMBS['native loop over a text'] ?? '').then(() => ended++),
  );
  const beside = await slowest(greet);
  expect(ended).toBeLessThan(attacks.length);
  await Promise.all(attacks);
  showTable('honest renders', [
    { beside: 'nothing', 'slowest ms': alone.toFixed(1) },
    { beside: 'six attacks of one tenant', 'slowest ms': beside.toFixed(1) },
  ]);
  await pair.close();
});

/** ms of the slowest of fifty renders, one after another. */
const slowest = async (greet: (n: number) => Promise<string>): Promise<number> => {
  let most = 0;
  for (let n = 0; n < 50; n++) {
    const begun = performance.now();
    expect(await greet(n)).toBe('<p>Hello Ann</p>');
    most = Math.max(most, performance.now() - begun);
  }
  return most;
};
