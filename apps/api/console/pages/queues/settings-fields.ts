// Settings of a queue as fields of a form: how they are written, what they inherit, and what of them was touched.
import { PRIORITIES, resolveSettings } from '../../../../../libs/mail/settings/settings';
import type { Form } from '../../page/page';

type Document = Record<string, unknown>;

export interface SettingField {
  /** Where it stands in the settings: members of members with dots. */
  path: string;
  kind: 'text' | 'number' | 'lines' | 'flag' | 'choice';
  choices?: readonly string[];
}

export const FIELDS = [
  { path: 'transport', kind: 'text' },
  { path: 'from', kind: 'text' },
  { path: 'replyTo', kind: 'lines' },
  { path: 'priority', kind: 'choice', choices: PRIORITIES },
  { path: 'concurrency', kind: 'number' },
  { path: 'rate.max', kind: 'number' },
  { path: 'rate.per', kind: 'text' },
  { path: 'attempts', kind: 'number' },
  { path: 'backoff.delay', kind: 'text' },
  { path: 'backoff.maxDelay', kind: 'text' },
  { path: 'expiresAfter', kind: 'text' },
  { path: 'onUncertain', kind: 'choice', choices: ['resend', 'hold'] },
  { path: 'log', kind: 'choice', choices: ['none', 'attempts', 'dialogue'] },
  { path: 'archive', kind: 'flag', choices: ['true', 'false'] },
  { path: 'history.days', kind: 'number' },
  { path: 'errors.days', kind: 'number' },
] as const satisfies readonly SettingField[];
export type SettingPath = (typeof FIELDS)[number]['path'];

const SPANS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

const spanText = (ms: number): string => {
  const [unit, size] = SPANS.find(([, size]) => ms % size === 0) ?? ['s', 1_000];
  return `${ms / size}${unit}`;
};

const defaults = resolveSettings();
/** What holds where nobody says anything, spans as they are written in settings. */
const DEFAULTS: Document = {
  ...defaults,
  expiresAfter: spanText(defaults.expiresAfter),
  backoff: { delay: spanText(defaults.backoff.delay), maxDelay: spanText(defaults.backoff.maxDelay) },
};

const at = (document: Document | undefined, path: string): unknown =>
  path.split('.').reduce<unknown>((part, name) => (part as Document | undefined)?.[name], document);

const text = (value: unknown): string =>
  Array.isArray(value)
    ? value.join('\n')
    : value === undefined || value === null
      ? ''
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);

/** As it stands in a field; nothing where it is inherited. */
export const valueAt = (document: Document, path: string): string => text(at(document, path));

/** What holds where the queue says nothing. */
export const inheritedAt = (tenant: Document | undefined, path: string): string =>
  text(at(tenant, path)) || text(at(DEFAULTS, path));

export const wasName = (path: string): string => `was.${path}`;

/** Was a field changed since the form was shown? */
export const isTouched = (form: Form, path: string): boolean => {
  const [typed, was] = [form.raw(path), form.raw(wasName(path))];
  return typed !== undefined && was !== undefined && typed.trim() !== was.trim();
};

const read = ({ kind }: SettingField, typed: string): unknown => {
  if (typed === '') return null;
  if (kind === 'number') return Number.isNaN(Number(typed)) ? typed : Number(typed);
  if (kind === 'flag') return typed === 'true';
  return kind === 'lines' ? typed.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()])) : typed;
};

/** @returns a merge patch (RFC 7396) of what was touched; undefined where nothing was */
export const patchOf = (form: Form): Document | undefined => {
  const patch: Document = {};
  for (const field of FIELDS) {
    if (!isTouched(form, field.path)) continue;
    const value = read(field, form.get(field.path) ?? '');
    const [name = '', member] = field.path.split('.');
    patch[name] = member === undefined ? value : { ...(patch[name] as Document | undefined), [member]: value };
  }
  // A rate without its members is none.
  if ('rate' in patch && form.get('rate.max') === '' && form.get('rate.per') === '') patch['rate'] = null;
  return Object.keys(patch).length === 0 ? undefined : patch;
};
