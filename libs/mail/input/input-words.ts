// What a validation found, in our words: what is wrong and what to write instead.
import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { instantFault } from './instant';

type Issue = z.core.$ZodRawIssue;

const KINDS: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list [...]',
  object: 'an object {...}',
  record: 'an object {...}',
  null: 'null',
};

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
};

/** What is to be written instead of the value, where it is of another kind. */
const otherKind = (wanted: string, given: unknown): string => {
  if (given === undefined) return `is missing: give ${wanted}`;
  if (given === null) return `is null: leave the field out, or give ${wanted}`;
  if (Array.isArray(given) && wanted === KINDS['object'])
    return `must be ${wanted}, not a list (PHP writes an empty array as []: cast it with (object))`;
  if (typeof given === 'string' && /number|true/.test(wanted) && !wanted.includes('string'))
    return `must be ${wanted}, not a string: write it without quotes`;
  if (typeof given === 'number') return `must be ${wanted}, not ${Number.isFinite(given) ? given : 'that'}`;
  return `must be ${wanted}, not ${kindOf(given)}`;
};

const plain = (name: string): string => name.replace(/[-_ ]/g, '').toLowerCase();

/** Names that other services give to what has another name here. */
const ALIASES: Record<string, string> = {
  email: 'address',
  mail: 'address',
  body: 'text',
  message: 'text',
  recipient: 'to',
  recipients: 'to',
  sender: 'from',
  scheduledat: 'sendAt',
  variables: 'data',
  context: 'data',
  params: 'data',
  username: 'user',
  password: 'pass',
  hostname: 'host',
};

/** The known name that was meant, where one is near enough. */
const meant = (given: string, known: readonly string[]): string | undefined => {
  const name = plain(given);
  if (name === '' || name.length > 40) return undefined;
  const alias = ALIASES[name];
  if (alias !== undefined && known.includes(alias)) return alias;
  const nearest = known.length === 0 ? undefined : closest(name, known.map(plain));
  if (nearest === undefined || distance(name, nearest) > Math.min(2, Math.ceil(name.length / 3))) return undefined;
  return known.find((one) => plain(one) === nearest);
};

/** A line for each name, in their order. */
const unknownNames = (names: readonly string[], known: readonly string[]): string =>
  names
    .map((name) => {
      if (plain(name) === 'idempotencykey')
        return 'is not a field here: it is a header of the request, Idempotency-Key, or a field of a line of a batch';
      const suggestion = meant(name, known);
      return suggestion === undefined ? 'is not a known field' : `is not a known field: did you mean ${suggestion}?`;
    })
    .join('\n');

const oneOf = (values: readonly unknown[], given: unknown): string => {
  const wanted = values.map((value) => JSON.stringify(value)).join(', ');
  const among = values.length === 1 ? wanted : `one of ${wanted}`;
  if (given === undefined || given === null) return otherKind(among, given);
  const texts = values.filter((value) => typeof value === 'string');
  const suggestion = typeof given === 'string' ? meant(given, texts) : undefined;
  return `must be ${among}${suggestion === undefined ? '' : `: did you mean "${suggestion}"?`}`;
};

const UNITS: Record<string, string> = { string: 'characters', array: 'entries' };
const sizeOf = (given: unknown): number | undefined =>
  typeof given === 'string' || Array.isArray(given) ? given.length : undefined;

const tooMuch = ({ origin, maximum, inclusive, input }: Issue & { code: 'too_big' }): string => {
  const unit = UNITS[origin];
  if (unit === undefined) return `must be ${inclusive === false ? 'less than' : 'at most'} ${maximum}`;
  return `has ${sizeOf(input)} ${unit}: at most ${maximum} are allowed`;
};

const tooLittle = ({ origin, minimum, inclusive }: Issue & { code: 'too_small' }): string => {
  const unit = UNITS[origin];
  if (unit === undefined) return `must be ${inclusive === false ? 'more than' : 'at least'} ${minimum}`;
  return Number(minimum) === 1 ? 'must not be empty' : `must have at least ${minimum} ${unit}`;
};

/** The kinds that the branches of a union want, where the value is of none of them. */
export const wantedKinds = (branches: readonly z.core.$ZodIssue[][]): string[] | undefined => {
  const wanted = branches.map((branch) =>
    branch.flatMap((issue) => {
      if (issue.path.length > 0) return [];
      if (issue.code === 'invalid_type') return [KINDS[issue.expected] ?? issue.expected];
      return issue.code === 'invalid_union' ? (wantedKinds(issue.errors) ?? []) : [];
    }),
  );
  return wanted.length > 0 && wanted.every((kinds) => kinds.length > 0) ? [...new Set(wanted.flat())] : undefined;
};

/**
 * The error map of every validation of input; what a schema says itself goes before it.
 * @returns a sentence that goes on after the name of the field; several lines for several unknown fields
 */
export const inputWords = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return otherKind(KINDS[issue.expected] ?? issue.expected, issue.input);
    case 'invalid_value':
      return oneOf(issue.values, issue.input);
    case 'too_big':
      return tooMuch(issue);
    case 'too_small':
      return tooLittle(issue);
    case 'invalid_format':
      return (
        (issue.format === 'datetime' ? instantFault(issue.input) : undefined) ??
        `is not written as it has to be${issue.pattern === undefined ? '' : `: it must match ${issue.pattern}`}`
      );
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys': {
      const { shape = {} } = (issue.inst?._zod.def ?? {}) as { shape?: object };
      return unknownNames(issue.keys, Object.keys(shape));
    }
    case 'invalid_union': {
      const wanted = wantedKinds(issue.errors);
      return wanted === undefined ? 'is none of what may stand here' : otherKind(wanted.join(' or '), issue.input);
    }
    default:
      return 'is not allowed here';
  }
};
