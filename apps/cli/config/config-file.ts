// The file that describes an installation: YAML, with values from the environment, checked before anything is asked or changed.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Env } from '../calls/connection';
import { reasonOf, usage } from '../terminal/exit';
import { inOrder, readTemplates, type Template } from './template-folder';

type Settings = Record<string, unknown>;

/** A text that came out of the environment: what is shown of it is its name. */
export class FromEnv {
  constructor(
    readonly value: string,
    readonly shown: string,
  ) {}
}

/** One thing that is to be as the file says. */
export interface Wanted {
  kind: 'tenant' | 'transport' | 'template' | 'queue' | 'webhook';
  /** `acme/default`. */
  name: string;
  path: string;
  /** Texts from the environment are `FromEnv`. */
  settings: Settings;
}

const Names = <T extends z.ZodType>(value: T) =>
  z.record(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is no name: 1 to 63 of a-z, 0-9 and -'), value);
const Fields = z.record(z.string(), z.unknown());

const ConfigFile = z.strictObject({
  tenants: Names(
    z
      .strictObject({
        settings: Fields.optional(),
        transports: Names(Fields).optional(),
        templates: z.union([z.string(), Names(Fields)]).optional(),
        queues: Names(Fields.nullable()).optional(),
        webhooks: Names(Fields).optional(),
      })
      .nullable(),
  ),
});

/** `${NAME}`; `$${NAME}` is `${NAME}` itself. */
const VARIABLE = /\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Puts values of the environment in. @throws Stop for a variable that is not set */
const resolveText = (text: string, env: Env, where: string): string | FromEnv => {
  let isFromEnv = false;
  const value = text.replace(VARIABLE, (whole, name: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    const given = env[name];
    if (given === undefined || given === '') throw usage(`${where} needs the variable ${name}, which is not set`);
    isFromEnv = true;
    return given;
  });
  return isFromEnv ? new FromEnv(value, text) : value;
};

const resolveAll = (value: unknown, env: Env, where: string): unknown => {
  if (typeof value === 'string') return resolveText(value, env, where);
  if (Array.isArray(value)) return value.map((one, index) => resolveAll(one, env, `${where}.${index}`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, resolveAll(one, env, `${where}.${name}`)]),
  );
};

const parse = (file: string): z.infer<typeof ConfigFile> => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read: ${reasonOf(error)}`);
  }
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw usage(`${file} is not YAML: ${fault.message}`);
  const parsed = ConfigFile.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'the file'}: ${message}`);
  throw usage([`${file} is not as it should be:`, ...faults].join('\n'));
};

const templatesOf = (given: string | Record<string, Settings> | undefined, file: string): [string, Template][] => {
  if (given === undefined) return [];
  return typeof given === 'string' ? readTemplates(resolve(dirname(file), given)) : inOrder(Object.entries(given));
};

/** Who falls back to another transport comes after it. */
const fallbacksFirst = (transports: Record<string, Settings>): [string, Settings][] =>
  Object.entries(transports).sort(
    (one, other) => Number(one[1]['fallback'] !== undefined) - Number(other[1]['fallback'] !== undefined),
  );

/**
 * What a file wants, in the order in which it can be brought about.
 * @throws Stop where the file cannot be understood, or names a variable that is not set
 */
export const readConfig = (file: string, env: Env): Wanted[] =>
  Object.entries(parse(file).tenants).flatMap(([tenant, given]) => {
    const { settings = {}, transports = {}, templates, queues = {}, webhooks = {} } = given ?? {};
    const base = `/v1/tenants/${tenant}`;
    const resolved = (where: string, fields: Settings): Settings => resolveAll(fields, env, where) as Settings;
    const within = (kind: 'transport' | 'webhook', all: [string, Settings][]): Wanted[] =>
      all.map(([name, fields]) => ({
        kind,
        name: `${tenant}/${name}`,
        path: `${base}/${kind}s/${name}`,
        settings: resolved(`${tenant}.${kind}s.${name}`, fields),
      }));
    return [
      { kind: 'tenant', name: tenant, path: base, settings: resolved(`${tenant}.settings`, settings) },
      ...within('transport', fallbacksFirst(transports)),
      // In templates ${...} belongs to the template.
      ...templatesOf(templates, file).map(([name, template]): Wanted => ({
        kind: 'template',
        name: `${tenant}/${name}`,
        path: `${base}/templates/${name}`,
        settings: template,
      })),
      ...Object.entries(queues).map(([name, fields]): Wanted => ({
        kind: 'queue',
        name: `${tenant}/${name}`,
        path: `/v1/queues/${tenant}/${name}`,
        settings: resolved(`${tenant}.queues.${name}`, fields ?? {}),
      })),
      ...within('webhook', Object.entries(webhooks)),
    ];
  });
