// Holds an answer against what its endpoint declares: a status, a field, a header or a code that is not declared is a fault.
import { z } from 'zod';
import { ProblemAnswer } from '../../../apps/api/answers/problem';
import { createAddresses } from '../../../apps/api/http/endpoint/addresses';
import type { DeclaredAnswer, Endpoint } from '../../../apps/api/http/endpoint/endpoint';
import { problemsOf } from '../../../apps/api/http/endpoint/declared-problems';
import { ENDPOINTS } from '../../../apps/api/routes/all-endpoints';
import { statusOfCode } from '../../../libs/mail/input/problem-document';
import { publishedFaults } from './published-answer';

interface Given {
  status: number;
  headers: Headers;
  body: unknown;
}

const at = createAddresses<Endpoint<never>>(ENDPOINTS);

/** Problems of addresses that have no such endpoint. */
const NOWHERE = [
  ...['unauthenticated', 'address-not-allowed', 'rate-limited', 'too-many-wrong-keys', 'unavailable'],
  ...['not-found', 'method-not-allowed'],
];

const faultsIn = (schema: z.ZodType, body: unknown): string[] => {
  const { error } = schema.safeParse(body);
  return error === undefined ? [] : [z.prettifyError(error)];
};

const problemFaults = ({ status, body }: Given, codes: readonly string[]): string[] => {
  const { code, status: said } = body as { code: string; status: number };
  return [
    ...faultsIn(ProblemAnswer, body),
    ...(codes.includes(code) ? [] : [`the problem ${code} is not declared`]),
    ...(said === status && statusOfCode(code) === status ? [] : [`the problem ${code} has the status ${said}`]),
  ];
};

const answerFaults = ({ headers, body }: Given, declared: DeclaredAnswer | undefined): string[] => {
  if (declared === undefined) return ['the status is not declared'];
  const { schema, type = schema === undefined ? null : 'application/json', headers: named = [] } = declared;
  const given = headers.get('content-type')?.split(';')[0] ?? null;
  return [
    ...(given === type ? [] : [`it is ${String(given)}, not ${String(type)}`]),
    ...(schema === undefined ? [] : faultsIn(schema, body)),
    ...named
      .filter((name) => name !== 'Idempotency-Replayed' && headers.get(name) === null)
      .map((name) => `it has no ${name}`),
    ...(['etag', 'location'] as const)
      .filter((name) => headers.get(name) !== null && !named.some((one) => one.toLowerCase() === name))
      .map((name) => `${name} is not declared`),
  ];
};

/** @throws Error that says what of the answer is not declared; nothing is asked of what is not of the API, such as the board */
export const requireDeclared = (method: string, address: string, answer: Given): void => {
  const [path = ''] = address.split('?');
  if (!path.startsWith('/v1/') || method === 'HEAD') return;
  const endpoint = at(path).find((one) => one.endpoint.method === method.toLowerCase())?.endpoint;
  const isProblem = (answer.headers.get('content-type') ?? '').startsWith('application/problem+json');
  const faults = [
    ...(isProblem
      ? problemFaults(answer, endpoint === undefined ? NOWHERE : problemsOf(endpoint))
      : answerFaults(answer, endpoint?.answers[answer.status])),
    ...(endpoint === undefined ? [] : publishedFaults(endpoint, answer)),
  ];
  if (faults.length === 0) return;
  const what = `${method} ${path} (${endpoint?.id ?? 'no endpoint'}) answered ${answer.status}`;
  throw new Error(`${what}, which is not as declared:\n${faults.join('\n')}\n${JSON.stringify(answer.body)}`);
};
