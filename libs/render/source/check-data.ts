// Whether data are as the template's schema wants them. Interpreted, never compiled: a schema is a tenant's input.
import { Validator, type OutputUnit } from '@cfworker/json-schema';
import type { InputError } from '../../mail/input/problem';
import { schemaWords } from './schema-words';

export type DataSchema = Record<string, unknown>;

/** Mistakes that are told at once. */
const MOST_ERRORS = 20;

/** `#/a/b` of the validator as a JSON Pointer. It writes `~` as `~0` and `/` as `~1` like RFC 6901. */
const pathOf = (location: string): string => location.replace(/^#/, '');

/** The parts that say nothing of their own: their reasons follow them. */
const isSummary = ({ keyword }: OutputUnit): boolean =>
  ['$ref', 'properties', 'items', 'prefixItems', 'allOf', 'anyOf', 'oneOf', 'then', 'else'].includes(keyword);

const whyFaulty = (error: unknown): string => {
  if (error instanceof RangeError) return 'it refers to itself without end';
  return (error instanceof Error ? error.message : String(error)).split('\n', 1).join().slice(0, 200);
};

/** @returns what is wrong with the data, with pointers that begin at the data; nothing where they fit */
export const checkData = (schema: DataSchema, data: unknown): InputError[] => {
  try {
    const { valid, errors } = new Validator(schema, '2020-12', false).validate(data);
    if (valid) return [];
    const reasons = errors.filter((unit) => !isSummary(unit));
    return (reasons.length > 0 ? reasons : errors)
      .slice(0, MOST_ERRORS)
      .map((unit) => ({ path: pathOf(unit.instanceLocation), message: schemaWords(unit) }));
  } catch (error) {
    return [{ path: '', message: `cannot be checked, the template's schema is faulty: ${whyFaulty(error)}` }];
  }
};

/** What stands under these is data, not schema. */
const EXAMPLES = new Set(['default', 'const', 'enum', 'examples']);

/** Patterns and references of a schema, which its shape (libs/mail/settings/data-schema.ts) does not tell. */
const faultsOf = (value: unknown, path: string, root: DataSchema): InputError[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]): InputError[] => {
    if (EXAMPLES.has(key)) return [];
    const here = `${path}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`;
    const patterns = key === 'pattern' && typeof inner === 'string' ? [inner] : [];
    const names = key === 'patternProperties' && typeof inner === 'object' && inner !== null ? Object.keys(inner) : [];
    return [
      ...[...patterns, ...names].flatMap((pattern) => patternFault(pattern, here)),
      ...(key === '$ref' && typeof inner === 'string' ? referenceFault(inner, here, root) : []),
      ...faultsOf(inner, here, root),
    ];
  });
};

/** `#` or `#/$defs/name`, as the shape demands. */
const referenceFault = (reference: string, path: string, root: DataSchema): InputError[] => {
  const name = reference.slice('#/$defs/'.length);
  if (reference === '#' || Object.hasOwn(root['$defs'] ?? {}, name)) return [];
  return [{ path, message: `there is no $defs/${name} in the schema` }];
};

const patternFault = (pattern: string, path: string): InputError[] => {
  try {
    new RegExp(pattern, 'u');
    return [];
  } catch (error) {
    return [{ path, message: error instanceof Error ? error.message : 'is not a regular expression' }];
  }
};

/** @returns what is wrong with a schema itself, with pointers into it */
export const checkSchema = (schema: DataSchema): InputError[] => faultsOf(schema, '', schema).slice(0, MOST_ERRORS);
