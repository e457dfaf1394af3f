// What surrounds templates where they run: Eta's own habits, includes, formatting. Text, since it runs in the sandbox.
import { PARAMETERS } from '../source/eta-source';

/** How deep templates may include each other. */
const DEEPEST = 20;

/**
 * A function expression of the host's function `host(kind, argumentsAsJson)`; gives `{load, render}`, which take and
 * give JSON. `load` makes functions of the bodies of templates; `render` renders an email. Written in plain JavaScript,
 * as old as QuickJS takes it; the host believes nothing that comes out of it.
 */
export const RUNTIME = `(function (host) {
  'use strict';
  const { parse, stringify } = JSON;
  const templates = new Map();
  const absent = new Set();
  let depth = 0;
  let place;
  let missing;

  const text = (value) => {
    if (typeof value === 'string') return value;
    if (value === undefined || value === null) throw new TypeError('the value is missing');
    if (Array.isArray(value)) return value.map(text).join(',');
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
    throw new TypeError('the value is of type ' + typeof value + ', not a text');
  };
  // As Eta's, without regular expressions, which are slow in QuickJS.
  const escape = (string) => {
    if (string.includes('&')) string = string.replaceAll('&', '&amp;');
    if (string.includes('<')) string = string.replaceAll('<', '&lt;');
    if (string.includes('>')) string = string.replaceAll('>', '&gt;');
    if (string.includes('"')) string = string.replaceAll('"', '&quot;');
    if (string.includes("'")) string = string.replaceAll("'", '&#39;');
    return string;
  };

  // A subject is one line. Every value of it, and every text with a line break, notes where it begins.
  const requireOneLine = (key, res, notes) => {
    const found = /[\\u0000-\\u001f\\u007f\\u2028\\u2029]/.exec(res.trim());
    if (found === null) return;
    const at = res.length - res.trimStart().length + found.index;
    const note = notes.filter((one) => one.at <= at).pop() ?? { at: 0, tag: -1 };
    const nth = (res.slice(note.at, at).match(/[\\u0000-\\u001f\\u007f\\u2028\\u2029]/g) ?? []).length;
    const error = new Error('the subject has a line break or another control character in it');
    place = { error, key, tag: note.tag, nth };
    throw error;
  };

  const run = (key, it) => {
    const template = templates.get(key);
    if (template === undefined) {
      if (!absent.has(key)) missing = key;
      throw new Error('there is no template ' + key.slice(5) + ' with a ' + key.slice(0, 4) + ' part');
    }
    if (depth >= ${DEEPEST}) throw new Error('templates include each other more than ${DEEPEST} deep');
    const within = key.startsWith('html:') ? 'html:' : 'text:';
    const eta = { res: '', e: escape, f: text, blocks: {}, tag: -1, layout: undefined, data: undefined };
    const notes = [];
    const noted = (value) => {
      const written = text(value);
      notes.push({ at: eta.res.length, tag: eta.tag });
      return written;
    };
    if (key === 'subject:') eta.f = noted;
    const include = (name, data) => run(within + text(name), { ...it, ...(data ?? {}) });
    const layout = (name, data) => { eta.layout = name; eta.data = data; };
    const output = (string) => { eta.res += string; };
    const capture = (work) => {
      const before = eta.res;
      eta.res = '';
      try { work(); return eta.res; } finally { eta.res = before; }
    };
    const block = (name, work) => {
      if (eta.layout) {
        if (work) eta.blocks[name] = capture(work);
        return '';
      }
      const blocks = it.__blocks || {};
      return name in blocks ? blocks[name] : work ? capture(work) : '';
    };
    depth++;
    try {
      template(it, eta, include, layout, output, capture, block);
      if (eta.layout) eta.res = include(eta.layout, { ...it, body: eta.res, ...eta.data, __blocks: eta.blocks });
      if (key === 'subject:') requireOneLine(key, eta.res, notes);
    } catch (error) {
      if (place === undefined || place.error !== error) place = { error, key, tag: eta.tag };
      throw error;
    } finally {
      depth--;
    }
    return eta.res;
  };

  const asked = (kind, ...values) => {
    const [answer, fault] = parse(host(kind, stringify(values)));
    if (fault !== undefined) throw new RangeError(fault);
    return answer;
  };
  const dateOf = (value) => {
    text(value instanceof Date ? 0 : value);
    const date = value instanceof Date ? value : new Date(value);
    if (Number.isNaN(date.getTime())) throw new RangeError('the value is not a date: ' + String(value).slice(0, 50));
    return date.getTime();
  };
  const numberOf = (value) => {
    const number = typeof value === 'bigint' ? String(value) : value;
    text(number);
    if (typeof number === 'boolean' || number === '' || Number.isNaN(Number(number)))
      throw new TypeError('the value is not a number: ' + String(value).slice(0, 50));
    return typeof number === 'number' && !Number.isFinite(number) ? String(number) : number;
  };
  const define = (target, functions) => {
    for (const [name, value] of Object.entries(functions))
      Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  };
  define(globalThis, {
    formatDate: (value, options) => asked('date', dateOf(value), options ?? {}),
    formatNumber: (value, options) => asked('number', numberOf(value), options ?? {}),
    formatMoney: (value, currency, locale, options) =>
      asked('number', numberOf(value), { ...options, style: 'currency', currency, locale }),
  });
  // What the language has for locales is the host's where the engine has none.
  if (typeof Intl === 'undefined') {
    const local = (kind, of) => function (locale, options) { return asked(kind, of(this), locale, options); };
    const time = (date) => date.getTime();
    define(Date.prototype, {
      toLocaleString: local('toLocaleString', time),
      toLocaleDateString: local('toLocaleDateString', time),
      toLocaleTimeString: local('toLocaleTimeString', time),
    });
    define(Number.prototype, { toLocaleString: local('toLocaleNumber', (number) => String(Number(number))) });
    define(BigInt.prototype, { toLocaleString: local('toLocaleNumber', (number) => String(number)) });
    define(Math, { random: () => asked('random') });
    define(String.prototype, {
      localeCompare(other, locale, options) { return asked('compare', String(this), String(other), locale, options); },
    });
  }

  const messageOf = (error) => {
    try {
      return String(error instanceof Error ? error.message : error).slice(0, 500);
    } catch {
      return 'something was thrown that cannot be shown';
    }
  };
  return {
    load(json) {
      const { bodies } = parse(json);
      for (const key of Object.keys(bodies)) {
        try {
          templates.set(key, new Function(${PARAMETERS.map((name) => `'${name}'`).join(', ')}, bodies[key]));
        } catch (error) {
          return stringify({ key, message: messageOf(error) });
        }
      }
      return '';
    },
    render(json, given) {
      const { parts, layout, gone } = parse(json);
      gone.forEach((key) => absent.add(key));
      const it = parse(given);
      try {
        const made = { __proto__: null };
        for (const part of parts) made[part] = run(part + ':', it);
        if (layout !== undefined) made.html = run('html:' + layout, { ...it, body: made.html });
        return stringify(missing === undefined ? { made } : { missing });
      } catch (error) {
        if (missing !== undefined) return stringify({ missing });
        const { key, tag, nth } = place !== undefined && place.error === error ? place : { key: '', tag: -1 };
        return stringify({ fault: { message: messageOf(error), key, tag, nth } });
      } finally {
        // The same functions may be called again, where the memory is not written over in between.
        place = missing = undefined;
        depth = 0;
        absent.clear();
      }
    },
  };
})`;
