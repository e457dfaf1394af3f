// What was touched in the form, and what of it the API is asked for. Only that is changed, whoever else changes the email meanwhile.
import { createHash } from 'node:crypto';
import { Problem } from '../../../../../../libs/mail/input/problem';
import type { Form, Visit } from '../../../page/page';
import { ALL_FIELDS, linesOf, type FormField, type Given } from './fields';

export type Patch = Record<string, unknown>;

/** What stood in each field when the form was made, by name: a few characters of a hash, since an html may be long. */
export type Base = Readonly<Record<string, string>>;

const hashOf = (text: string): string =>
  // A browser sends each line break in one form of its own.
  createHash('sha256').update(text.replace(/\r\n?/g, '\n')).digest('base64url').slice(0, 12);

export const baseOf = (given: Given, zone: string): Base =>
  Object.fromEntries(ALL_FIELDS.map(({ name, shown }) => [name, hashOf(shown(given, zone))]));

/** Under which the form keeps it; it is the reader's own form, and changing it changes what the reader asks for. */
const BASE = 'base';
export const baseField = (base: Base): { name: string; value: string } => ({ name: BASE, value: JSON.stringify(base) });

export const readBase = (form: Form): Base => {
  try {
    return JSON.parse(form.get(BASE) ?? '{}') as Base;
  } catch {
    throw new Problem('bad-request', 'the form is not complete: load the page again');
  }
};

/** The time zone in which the form showed times. */
export const zoneOf = ({ form, zone }: Pick<Visit, 'form' | 'zone'>): string => form.get('zone') ?? zone;

/** Was something else typed than what stood there? */
export const isTouched = (form: Form, base: Base, { name, type }: FormField): boolean => {
  const typed = form.raw(name);
  if (typed === undefined) return false;
  return hashOf(type === 'datetime-local' ? typed.replace(/(T\d\d:\d\d):00(\.0+)?$/, '$1') : typed) !== base[name];
};

/** An attachment is known by what it is: another one may have been taken out meanwhile. */
export const attachmentKey = (attachment: unknown): string => hashOf(JSON.stringify(attachment));

const attachmentsOf = ({ attachments }: Given): unknown[] => (Array.isArray(attachments) ? attachments : []);

/** Those that stay, where some are to go. */
const attachmentPatch = (form: Form, given: Given): Patch => {
  const gone = form.all('remove');
  const all = attachmentsOf(given);
  const left = all.filter((one) => !gone.includes(attachmentKey(one)));
  return left.length === all.length ? {} : { attachments: left.length === 0 ? null : left };
};

const templateOf = (form: Form): unknown => {
  const name = form.get('template') ?? '';
  const version = form.get('version') ?? '';
  if (name === '') return null;
  return version === '' ? name : { name, version: /^\d+$/.test(version) ? Number(version) : version };
};

/** The correction that the form asks for. @throws Problem where what was typed cannot be read */
export const readPatch = async (visit: Visit, given: Given): Promise<Patch> => {
  const { form } = visit;
  const base = readBase(form);
  const patch: Patch = attachmentPatch(form, given);
  for (const field of ALL_FIELDS) {
    const { name, read } = field;
    if (!isTouched(form, base, field)) continue;
    if (name === 'template' || name === 'version') patch['template'] = templateOf(form);
    else patch[name] = await read(form.raw(name) ?? '', zoneOf(visit));
  }
  return patch;
};

/** A complaint about one line of a list says which one it is about. */
export const withLines = (problem: Problem, form: Form): Problem => {
  const errors = problem.errors.map(({ path, message }) => {
    const [, name = '', index = ''] = /^\/(to|cc|bcc|replyTo|tags)\/(\d+)/.exec(path) ?? [];
    const line = linesOf(form.raw(name) ?? '')[Number(index)];
    return { path, message: line === undefined || index === '' ? message : `${line}: ${message}` };
  });
  return new Problem(problem.code, problem.message, errors, problem.extra);
};
