// Data to try a template with, made of what is known of it: its schema, or the names that it uses.
import type { TemplateInput } from '../../../../../libs/mail/settings/template';

type Json = unknown;
type Schema = Record<string, unknown>;

/** Deeper things are left out: nobody reads a sample that long. */
const DEEPEST = 6;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const first = (value: unknown): Json => (Array.isArray(value) ? (value[0] as Json) : undefined);

const OF_TYPE: Record<string, Json> = { string: 'text', number: 1.5, integer: 1, boolean: true, null: null };

const ofSchema = (schema: unknown, depth = 0): Json => {
  if (!isObject(schema) || depth > DEEPEST) return null;
  const told = schema['const'] ?? first(schema['examples']) ?? schema['default'] ?? first(schema['enum']);
  if (told !== undefined) return told;
  const one = first(schema['anyOf']) ?? first(schema['oneOf']) ?? first(schema['allOf']);
  if (one !== undefined) return ofSchema(one, depth + 1);
  const type = Array.isArray(schema['type']) ? first(schema['type']) : schema['type'];
  if (type === 'array') return [ofSchema(schema['items'], depth + 1)];
  const { properties } = schema;
  if (isObject(properties))
    return Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, ofSchema(inner, depth + 1)]));
  return type === 'object' ? {} : (OF_TYPE[String(type)] ?? 'text');
};

/** What is asked of lists alone. */
const OF_LISTS = new Set(['map', 'forEach', 'filter', 'join', 'length', 'some', 'every', 'slice', 'reduce']);
/** Names that are no data: what a layout frames, and what would change an object's own nature. */
const NO_DATA = new Set(['body', '__proto__', 'constructor', 'prototype']);

/** Puts a value under names; what is there already stays. */
const putAt = (sample: Schema, names: string[], value: Json): void => {
  let place = sample;
  for (const name of names.slice(0, -1)) {
    if (!isObject(place[name])) place[name] = {};
    place = place[name] as Schema;
  }
  const last = names.at(-1);
  if (last !== undefined) place[last] ??= value;
};

const namesIn = (path: string): string[] => path.split(/\??\./).filter(Boolean);

/** What is asked of each member of a list: `it.items.map((item) => item.name)`, `for (const item of it.items)`. */
const membersOf = (sources: string): Map<string, Schema> => {
  const walks = [
    ...[...sources.matchAll(/\bit((?:\??\.[A-Za-z_$][\w$]*){1,6})\(\s*\(?\s*([A-Za-z_$][\w$]*)/g)].map(
      ([, path = '', member = '']) => [namesIn(path).slice(0, -1), member] as const,
    ),
    ...[...sources.matchAll(/\b([A-Za-z_$][\w$]*)\s+of\s+it((?:\??\.[A-Za-z_$][\w$]*){1,6})/g)].map(
      ([, member = '', path = '']) => [namesIn(path), member] as const,
    ),
  ];
  return new Map(
    walks.map(([list, member]) => {
      const fields: Schema = {};
      for (const [, name = ''] of sources.matchAll(
        new RegExp(`\\b${member.replace(/\$/g, '\\$')}\\.([A-Za-z_]\\w*)`, 'g'),
      ))
        if (!NO_DATA.has(name)) fields[name] = name;
      return [list.join('.'), fields];
    }),
  );
};

const ofNames = (sources: string): Schema => {
  const sample: Schema = {};
  const members = membersOf(sources);
  for (const [, path = '', call] of sources.matchAll(/\bit((?:\??\.[A-Za-z_$][\w$]*){1,6})(\s*\()?/g)) {
    const all = namesIn(path);
    // What is called is no data: `it.name.toUpperCase()` asks for a name.
    const names = call === undefined || OF_LISTS.has(all.at(-1) ?? '') ? all : all.slice(0, -1);
    const listAt = names.findIndex((name, index) => index > 0 && OF_LISTS.has(name));
    const known = listAt === -1 ? names : names.slice(0, listAt);
    if (known.some((name) => NO_DATA.has(name))) continue;
    const member = members.get(known.join('.'));
    const isList = listAt !== -1 || member !== undefined;
    putAt(sample, known, isList ? [member ?? {}] : known.at(-1));
  }
  return sample;
};

/** @returns JSON, for people to change */
export const sampleDataFor = ({ subject = '', html = '', text = '', schema }: Partial<TemplateInput>): string => {
  const sample = schema === undefined ? ofNames([subject, html, text].join('\n')) : ofSchema(schema);
  return JSON.stringify(isObject(sample) ? sample : {}, null, 2);
};
