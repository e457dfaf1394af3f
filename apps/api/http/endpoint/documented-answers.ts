// What the OpenAPI document says of answers: results and problems with their headers, schemas and examples.
import type { ZodOpenApiResponsesObject } from 'zod-openapi';
import type { z } from 'zod';
import { Problem } from '../../../../libs/mail/input/problem';
import { toDocument } from '../../../../libs/mail/input/problem-document';
import { ProblemAnswer } from '../../answers/problem';
import { EXAMPLE_ID } from '../../answers/fields';
import { problemsByStatus, problemsOf } from './declared-problems';
import type { AnswerHeader, DeclaredAnswer, Endpoint } from './endpoint';
import { PROBLEM_MEANINGS, type ProblemCode } from './problem-meanings';

const text = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const },
  example,
});

/** Headers that the document describes, under their names in its components. */
export const ANSWER_HEADERS = {
  ETag: text('The version, for If-Match.', '"1"'),
  Location: text('Where it is found.', `/v1/queues/acme/billing/emails/${EXAMPLE_ID}`),
  'Idempotency-Replayed': text('`true` where the request was answered before, by the same key.', 'true'),
  'Content-Disposition': text('The name of the file.', 'attachment; filename="invoice.eml"'),
  'X-Request-Id': text(
    'The id of the request, which the log names too: the one that was sent with it, or a new one.',
    '0b8f2a52-6c1e-4c57-9d53-9a6b2a1c7f10',
  ),
  'Retry-After': { ...text('Seconds after which to try again.', ''), schema: { type: 'integer' as const }, example: 2 },
  'WWW-Authenticate': text('How to authenticate (RFC 6750).', 'Bearer realm="rohrpost"'),
  RateLimit: text(
    'What is left of the key’s rate, where it has one (draft-ietf-httpapi-ratelimit-headers-10).',
    '"key";r=599;t=60',
  ),
  'RateLimit-Policy': text('The rates of the key, where it has any.', '"key";q=600;w=60'),
};
type HeaderName = AnswerHeader | keyof typeof ANSWER_HEADERS;

const ALWAYS: readonly HeaderName[] = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy'];
const OF_STATUS: Partial<Record<number, readonly HeaderName[]>> = {
  401: ['X-Request-Id', 'WWW-Authenticate'],
  429: [...ALWAYS, 'Retry-After'],
  503: [...ALWAYS, 'Retry-After'],
  507: [...ALWAYS, 'Retry-After'],
};

const headersOf = (names: readonly HeaderName[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** The first example of a schema. */
export const exampleOf = (schema: z.ZodType): unknown => (schema.meta()?.examples as unknown[] | undefined)?.[0];

const contentOf = ({ schema, type = 'application/json' }: DeclaredAnswer) =>
  schema === undefined
    ? { [type]: { schema: { type: 'string' as const } } }
    : { [type]: { schema, example: exampleOf(schema) } };

const answerOf = (answer: DeclaredAnswer) => ({
  description: answer.description,
  headers: headersOf([...(answer.headers ?? []), ...ALWAYS]),
  ...((answer.schema ?? answer.type) !== undefined && { content: contentOf(answer) }),
});

const WITH_ERRORS = [{ path: '/to/0', message: 'must be an e-mail address like ann@example.org' }];
const WITH_PLACE = { template: 'invoice', version: 3, part: 'html', line: 12, column: 8 };

/** A problem as it may be answered, for the examples of the document. */
const exampleOfProblem = (code: ProblemCode) => {
  const isOfInput = code === 'invalid';
  const isOfTemplate = code === 'template-failed' || code === 'template-syntax';
  const problem = new Problem(
    code,
    PROBLEM_MEANINGS[code],
    isOfInput ? WITH_ERRORS : [],
    isOfTemplate ? WITH_PLACE : {},
  );
  return { summary: PROBLEM_MEANINGS[code], value: toDocument(problem) };
};

/** An example for each code that is answered, under its name in the components of the document. */
export const problemExamples = (endpoints: readonly Endpoint<never>[]) =>
  Object.fromEntries([...new Set(endpoints.flatMap(problemsOf))].map((code) => [code, exampleOfProblem(code)]));

const problemOf = (status: number, codes: ProblemCode[]) => ({
  description: `A problem: ${codes.map((one) => `\`${one}\``).join(', ')}`,
  headers: headersOf(OF_STATUS[status] ?? ALWAYS),
  content: {
    'application/problem+json': {
      schema: ProblemAnswer,
      examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  },
});

/** A status may answer both a result and a problem: of a batch none of whose lines was accepted. */
export const responsesOf = (endpoint: Endpoint<never>): ZodOpenApiResponsesObject => {
  const responses: Record<string, Omit<ReturnType<typeof answerOf>, 'content'> & { content?: object }> = {};
  for (const [status, answer] of Object.entries(endpoint.answers)) responses[status] = answerOf(answer);
  for (const [status, codes] of problemsByStatus(endpoint)) {
    const problem = problemOf(status, codes);
    const other = responses[status];
    responses[status] =
      other === undefined
        ? problem
        : {
            ...other,
            description: `${other.description} ${problem.description}`,
            headers: { ...other.headers, ...problem.headers },
            content: { ...other.content, ...problem.content },
          };
  }
  return responses as ZodOpenApiResponsesObject;
};
