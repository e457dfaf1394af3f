// The fields of the form: what stands in each for an email as it is, and what the API is given for what was typed.
import { readJson } from '../../../../../../libs/mail/json/json-text';
import { Problem, problemAt } from '../../../../../../libs/mail/input/problem';
import type { WordKey } from '../../../words/all-words';
import { fromLocal, toLocal } from './local-time';

/** The fields that an email was given (`getEmailInput`). */
export type Given = Record<string, unknown>;

export interface FormField {
  name: string;
  label: WordKey;
  hint?: WordKey;
  /** Lines of its box; one where it is left out. */
  lines?: number;
  /** Of an input; `select` for one of several. */
  type?: 'text' | 'number' | 'datetime-local' | 'select';
  /** JSON Pointer by which the API complains of it, where that is not its name. */
  at?: string;
  /** What stands in the form for the email as it is. @param zone IANA */
  shown(this: void, given: Given, zone: string): string;
  /** What the API is given for what was typed; null takes the field away. @throws Problem where it cannot be read */
  read(this: void, typed: string, zone: string): unknown;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const orNothing = (typed: string): string | null => (typed.trim() === '' ? null : typed);

const plain = (name: string, label: WordKey, more: Partial<FormField> = {}): FormField => ({
  name,
  label,
  shown: (given) => asText(given[name]),
  read: orNothing,
  ...more,
});

/** One a line. */
const listed = (name: string, label: WordKey, hint: WordKey): FormField => ({
  name,
  label,
  hint,
  lines: 2,
  shown: (given) => (Array.isArray(given[name]) ? given[name].join('\n') : ''),
  read(typed) {
    const all = linesOf(typed);
    return all.length === 0 ? null : all;
  },
});

export const linesOf = (typed: string): string[] => typed.split('\n').flatMap((line) => line.trim() || []);

const json = (name: string, label: WordKey, lines: number): FormField => ({
  name,
  label,
  hint: 'correct.json',
  lines,
  shown: (given) => (given[name] === undefined ? '' : JSON.stringify(given[name], undefined, 2)),
  async read(typed) {
    if (typed.trim() === '') return null;
    try {
      return await readJson(Buffer.from(typed), 'what stands here');
    } catch (error) {
      throw error instanceof Problem ? problemAt('invalid', [name], error.message) : error;
    }
  },
});

const time = (name: string, label: WordKey): FormField => ({
  name,
  label,
  type: 'datetime-local',
  shown: (given, zone) => (given[name] === undefined ? '' : toLocal(asText(given[name]), zone)),
  read: (typed, zone) => (typed.trim() === '' ? null : fromLocal(typed.trim(), zone)),
});

export const RECIPIENTS: readonly FormField[] = [
  listed('to', 'about.to', 'correct.addressEach'),
  listed('cc', 'about.cc', 'correct.addressEach'),
  listed('bcc', 'about.bcc', 'correct.addressEach'),
  plain('from', 'about.from'),
];

export const REPLY_TO = listed('replyTo', 'about.replyTo', 'correct.addressEach');

export const FINISHED: readonly FormField[] = [
  plain('subject', 'correct.subject'),
  plain('text', 'correct.text', { lines: 8 }),
  plain('html', 'correct.html', { lines: 8 }),
];

type Template = { name?: string; version?: number } | undefined;

/** The template is one field of the email and two of the form: `read` of the second is not asked (`./draft.ts`). */
export const TEMPLATED: readonly FormField[] = [
  plain('template', 'about.template', {
    shown: ({ template }) => (typeof template === 'string' ? template : ((template as Template)?.name ?? '')),
  }),
  plain('version', 'correct.version', {
    type: 'number',
    hint: 'correct.versionHint',
    at: '/template/version',
    shown: ({ template }) => String((template as Template)?.version ?? ''),
  }),
  json('data', 'correct.data', 10),
  plain('dataUrl', 'correct.dataUrl'),
];

export const WHEN: readonly FormField[] = [
  time('sendAt', 'about.sendAt'),
  time('expiresAt', 'about.expiresAt'),
  plain('priority', 'about.priority', { type: 'select' }),
  plain('transport', 'about.transport', { type: 'select' }),
];

export const NOTES: readonly FormField[] = [
  listed('tags', 'about.tags', 'correct.lineEach'),
  json('metadata', 'about.metadata', 3),
];

export const ALL_FIELDS: readonly FormField[] = [...RECIPIENTS, REPLY_TO, ...FINISHED, ...TEMPLATED, ...WHEN, ...NOTES];
