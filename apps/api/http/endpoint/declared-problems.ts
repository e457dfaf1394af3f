// Which problems an endpoint may answer: those that follow from what it takes, and those that it declares.
import { statusOfCode } from '../../../../libs/mail/input/problem-document';
import type { Endpoint } from './endpoint';
import type { ProblemCode } from './problem-meanings';

const ANY: readonly ProblemCode[] = [
  'bad-request',
  'bad-cursor',
  'unauthenticated',
  'address-not-allowed',
  'rate-limited',
  'too-many-wrong-keys',
  'internal-error',
  'unavailable',
];
/** Of whatever has a body, also where none is asked for. */
const OF_BODIES: readonly ProblemCode[] = [
  'malformed-json',
  'not-utf-8',
  'too-large',
  'unsupported-media-type',
  'invalid',
];

/** The codes, each once. */
export const problemsOf = ({
  method,
  may,
  query,
  body,
  heeds = [],
  problems = [],
  grows = 'never',
}: Endpoint<never>): ProblemCode[] => {
  const codes = [...ANY, ...problems];
  if (may.action !== 'read') codes.push('forbidden');
  if (may.over === 'queue' || may.over === 'tenant') codes.push('not-found');
  if (query !== undefined) codes.push('invalid');
  if (body?.stream === true) codes.push('too-large');
  else if (method !== 'get') codes.push(...OF_BODIES);
  // Redis has no room: nothing is written.
  if (method !== 'get') codes.push('queue-full');
  if (grows !== 'never') codes.push('tenant-full');
  if (heeds.includes('If-Match')) codes.push('malformed-if-match', 'version-mismatch');
  if (heeds.includes('Idempotency-Key')) codes.push('invalid', 'idempotency-key-reused');
  else if (method === 'post' || method === 'patch') codes.push('idempotency-key-not-supported');
  return [...new Set(codes)];
};

/** The codes by their status, in the order of statuses. */
export const problemsByStatus = (endpoint: Endpoint<never>): [status: number, codes: ProblemCode[]][] => {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(endpoint)) {
    const status = statusOfCode(code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return [...byStatus].sort(([a], [b]) => a - b);
};
