// Every refusal and every fault becomes a problem document (RFC 9457); nothing of the inside is shown.
import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Response } from 'express';
import type { z } from 'zod';
import { ContentMissing, ContentStoreAway, ContentStoreFull } from '../../libs/content/store-fault';
import { NOT_YET } from '../../libs/mail/not-yet';
import { MOST_ERRORS, pointer, Problem, type InputError } from '../../libs/mail/problem';
import type { Log } from '../../libs/runtime/log';
import { redisFault, redisRefusal } from '../../libs/store/redis';
import { wantedKinds } from './input-words';

/** Statuses of codes; every other code is 422: the request was understood and cannot be done. */
const STATUS: Record<string, number> = {
  'malformed-json': 400,
  'not-utf-8': 400,
  'bad-request': 400,
  'malformed-if-match': 400,
  'bad-cursor': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'idempotency-key-reused': 409,
  'email-sending': 409,
  'email-finished': 409,
  'email-state': 409,
  'not-archived': 409,
  'queue-not-empty': 409,
  'tenant-not-empty': 409,
  'version-mismatch': 412,
  'too-large': 413,
  'unsupported-media-type': 415,
  'internal-error': 500,
  unavailable: 503,
  'no-worker': 503,
  'queue-full': 507,
  'content-full': 507,
  'storage-full': 507,
};

/** Seconds: what is away is soon back, room has to be made. */
const RETRY_AFTER: Partial<Record<number, string>> = { 503: '2', 507: '30' };

export const statusOf = (problem: Problem): number => STATUS[problem.code] ?? 422;

const TITLES: Record<string, string> = {
  invalid: 'The input is not valid',
  [NOT_YET]: 'Not supported yet',
};

/** The members of a problem document. */
export const toDocument = (problem: Problem) => {
  const status = statusOf(problem);
  return {
    type: `urn:rohrpost:problem:${problem.code}`,
    title: TITLES[problem.code] ?? STATUS_CODES[status] ?? 'Problem',
    status,
    detail: problem.message,
    code: problem.code,
    ...(problem.errors.length > 0 && { errors: problem.errors.slice(0, MOST_ERRORS) }),
    ...problem.extra,
  };
};

export const sendProblem = (response: Response, problem: Problem): void => {
  // For the log of requests.
  response.locals['problem'] = problem.code;
  const status = statusOf(problem);
  const wait = RETRY_AFTER[status];
  if (wait !== undefined) response.set('Retry-After', wait);
  if (status === 401) response.set('WWW-Authenticate', 'Bearer realm="rohrpost"');
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify(toDocument(problem)));
};

export const notFound = (what = 'this address'): Problem =>
  new Problem('not-found', `there is nothing under ${what}, or your key does not reach it`);

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

const isNotYet = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'custom' && (issue.params as { problem?: string } | undefined)?.problem === NOT_YET;

/**
 * A failed validation as a problem.
 * @param value what was validated
 * @param base where it stands in the body
 */
export const invalidInput = (error: z.core.$ZodError, value: unknown, base: readonly PropertyKey[] = []): Problem => {
  const issues = error.issues.flatMap(unfold);
  const at = (path: readonly PropertyKey[]): string => pointer([...base, ...placeIn(value, path)]);
  const errors = issues.flatMap((issue) => toErrors(issue, at));
  const code = issues.every(isNotYet) ? NOT_YET : 'invalid';
  const [first] = errors;
  const where = first === undefined ? '' : `${first.path === '' ? 'the body' : first.path} ${first.message}`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  return new Problem(code, `${where}${more}`, errors);
};

interface BodyError {
  type?: string;
  status?: number;
  limit?: number;
}

/** What body-parser and express throw. */
const ofExpress = (error: BodyError): Problem | undefined => {
  switch (error.type) {
    case 'entity.too.large':
      return new Problem(
        'too-large',
        `the body is larger than ${error.limit} bytes: upload attachments to /content, or send less at once`,
      );
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new Problem('unsupported-media-type', 'the body must be UTF-8, plain or with gzip, deflate or br');
    case 'request.aborted':
      return new Problem('bad-request', 'the request ended before its body was whole');
  }
  if (error.status !== undefined && error.status >= 400 && error.status < 500) {
    return new Problem(error.status === 404 ? 'not-found' : 'bad-request', 'the request could not be read');
  }
  return undefined;
};

const ofRedis = (error: unknown): Problem | undefined => {
  switch (redisFault(error)) {
    case 'full':
      return new Problem(
        'queue-full',
        'the memory of Redis is used up: nothing was accepted; make room or give Redis more memory',
      );
    case 'away':
      return new Problem(
        'unavailable',
        `${redisRefusal(error) ?? 'Redis does not answer'}: try again, with the same Idempotency-Key if you gave one, since the request may have been done`,
      );
    case undefined:
      return undefined;
  }
};

/** Where the store lies is for the log and `/readyz`, not for every client. */
const ofContent = (error: unknown): Problem | undefined => {
  if (error instanceof ContentStoreFull) {
    const text =
      'the content store has no room for these bytes: nothing of this request was accepted; try again later, with the same Idempotency-Key if you gave one, and tell the operator';
    return new Problem('storage-full', text);
  }
  if (error instanceof ContentStoreAway) {
    const text = 'the content store does not answer: try again, with the same Idempotency-Key if you gave one';
    return new Problem('unavailable', text);
  }
  return error instanceof ContentMissing ? new Problem('content-missing', error.message) : undefined;
};

export const toProblem = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  return (
    ofContent(error) ?? ofRedis(error) ?? (typeof error === 'object' && error !== null ? ofExpress(error) : undefined)
  );
};

export const handleErrors =
  (log: Log): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = toProblem(error);
    const requestId = response.getHeader('X-Request-Id');
    if (problem === undefined || error instanceof ContentStoreAway)
      log.error({ error, requestId, path: request.path }, 'a request broke');
    sendProblem(
      response,
      problem ??
        new Problem('internal-error', `something broke here; the log has it under the request id ${String(requestId)}`),
    );
  };
