// A problem as a document (RFC 9457), and the HTTP status of each code.
import { STATUS_CODES } from 'node:http';
import { MOST_ERRORS, type Problem } from './problem';

/** Statuses of codes; every other code is 422: the request was understood and cannot be done. */
const STATUS: Record<string, number> = {
  'malformed-json': 400,
  'not-utf-8': 400,
  'bad-request': 400,
  'malformed-if-match': 400,
  'bad-cursor': 400,
  unauthenticated: 401,
  forbidden: 403,
  'address-not-allowed': 403,
  'approval-needed': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'idempotency-key-reused': 409,
  'email-sending': 409,
  'email-finished': 409,
  'email-state': 409,
  'not-archived': 409,
  confidential: 409,
  'content-wiped': 409,
  'queue-not-empty': 409,
  'tenant-not-empty': 409,
  'key-has-issued': 409,
  'transport-in-use': 409,
  'webhook-off': 409,
  'version-mismatch': 412,
  'too-large': 413,
  'unsupported-media-type': 415,
  'rate-limited': 429,
  'too-many-wrong-keys': 429,
  'too-many-streams': 429,
  'internal-error': 500,
  unavailable: 503,
  'not-durable': 503,
  'no-worker': 503,
  'key-missing': 503,
  'queue-full': 507,
  'content-full': 507,
  'tenant-full': 507,
  'storage-full': 507,
};

export const statusOfCode = (code: string): number => STATUS[code] ?? 422;

export const statusOf = (problem: Problem): number => statusOfCode(problem.code);

const TITLES: Record<string, string> = {
  invalid: 'The input is not valid',
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
