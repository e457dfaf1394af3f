// Validates input by a schema; what is wrong is told in our words, with a pointer to its place.
import type { z } from 'zod';
import { inputWords, wantedKinds } from './input-words';
import { pointer, Problem, problemAt, type InputError } from './problem';
import { tooMany } from './too-many';

type Issue = z.core.$ZodIssue;

/** A branch of a union that wants another kind of value is not what people mean, nor one that wants other values. */
const rank = (branch: Issue[]): number => {
  const own = branch.filter(({ path }) => path.length === 0).map(({ code }) => code);
  return own.includes('invalid_type') ? 2 : own.includes('invalid_value') ? 1 : 0;
};

const depth = (branch: Issue[]): number => branch.reduce((most, { path }) => Math.max(most, path.length), 0);

/** Unions list the complaints of every branch; the one that got farthest is the one that people mean. */
const unfold = (issue: Issue): Issue[] => {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0 || wantedKinds(issue.errors)) return [issue];
  const [best] = [...issue.errors].sort((a, b) => rank(a) - rank(b) || depth(b) - depth(a) || a.length - b.length);
  return (best ?? []).flatMap(unfold).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
};

/** The place of an issue in the value as it was given: where one address stands for a list of them, it has no index. */
const placeIn = (value: unknown, path: readonly PropertyKey[]): PropertyKey[] => {
  const place: PropertyKey[] = [];
  for (const segment of path) {
    if (segment === 0 && value !== undefined && !Array.isArray(value)) continue;
    place.push(segment);
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[segment] : undefined;
  }
  return place;
};

const toErrors = (issue: Issue, at: (path: readonly PropertyKey[]) => string): InputError[] => {
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => ({ path: at([...issue.path, key]), message: messages[index] ?? '' }));
  }
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => ({ path: at(issue.path), message }));
  return [{ path: at(issue.path), message: issue.message }];
};

/**
 * A failed validation as a problem.
 * @param value what was validated
 * @param base where it stands in the body
 */
export const invalidInput = (error: z.core.$ZodError, value: unknown, base: readonly PropertyKey[] = []): Problem => {
  const issues = error.issues.flatMap(unfold);
  const at = (path: readonly PropertyKey[]): string => pointer([...base, ...placeIn(value, path)]);
  const errors = issues.flatMap((issue) => toErrors(issue, at));
  const [first] = errors;
  const where = first === undefined ? '' : `${first.path === '' ? 'the body' : first.path} ${first.message}`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  return new Problem('invalid', `${where}${more}`, errors);
};

/** Validates a value. @throws Problem `invalid` with pointers */
export const parseInput = <T extends z.ZodType>(
  schema: T,
  value: unknown,
  base: readonly PropertyKey[] = [],
): z.infer<T> => {
  const counted = tooMany(schema, value);
  if (counted !== undefined) throw problemAt('invalid', [...base, ...counted.path], counted.message);
  const result = schema.safeParse(value, { error: inputWords });
  if (!result.success) throw invalidInput(result.error, value, base);
  return result.data;
};
