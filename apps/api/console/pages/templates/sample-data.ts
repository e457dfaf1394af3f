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

const ofNames = (sources: string): Schema => {
  const sample: Schema = {};
  for (const [, path = ''] of sources.matchAll(/\bit((?:\??\.[A-Za-z_$][\w$]*){1,6})/g)) {
    const names = path.split(/\??\./).filter(Boolean);
    const listAt = names.findIndex((name, index) => index > 0 && OF_LISTS.has(name));
    const known = listAt === -1 ? names : names.slice(0, listAt);
    if (known.some((name) => NO_DATA.has(name))) continue;
    let place = sample;
    known.forEach((name, index) => {
      const isLast = index === known.length - 1;
      if (isLast) place[name] ??= listAt === -1 ? name : [{}];
      else {
        if (!isObject(place[name])) place[name] = {};
        place = place[name] as Schema;
      }
    });
  }
  return sample;
};

/** @returns JSON, for people to change */
export const sampleDataFor = ({ subject = '', html = '', text = '', schema }: Partial<TemplateInput>): string => {
  const sample = schema === undefined ? ofNames([subject, html, text].join('\n')) : ofSchema(schema);
  return JSON.stringify(isObject(sample) ? sample : {}, null, 2);
};
