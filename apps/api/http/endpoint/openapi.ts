// The OpenAPI 3.1 document, made of the declared endpoints.
import {
  createDocument,
  type CreateDocumentOptions,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameterObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import type { z } from 'zod';
import { VERSION } from '../../../../libs/runtime/version';
import { ProblemAnswer } from '../../answers/problem';
import { TAGS, type AnswerHeader, type DeclaredAnswer, type HeededHeader, type Endpoint } from './endpoint';
import type { Body } from './body';
import { problemsByStatus } from './declared-problems';
import type { Permission } from '../permission';

const PARAMETERS: Record<string, string> = {
  tenant: 'The tenant’s name.',
  application: 'The application’s name: it has a queue of its own.',
  id: 'As it was answered: of an email, an operation or a key.',
  name: 'The name of the transport or the template.',
  version: 'The number of a version.',
  address: 'An e-mail address, percent-encoded where it has a slash.',
};

const HEEDED: Record<HeededHeader, string> = {
  'Idempotency-Key':
    'Makes a repetition harmless for 24 hours: the same body gets the first answer, another one is refused.',
  'If-Match': 'The ETag of the version that was read: another one is not changed.',
};

const ANSWERED: Record<AnswerHeader, string> = {
  ETag: 'The version, for If-Match.',
  Location: 'Where it is found.',
  'Idempotency-Replayed': '`true` where the request was answered before, by the same key.',
  'Content-Disposition': 'The name of the file.',
};

const parametersOf = ({ path, heeds = [] }: Endpoint<never>): ZodOpenApiParameterObject[] => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path' as const,
    required: true,
    description: PARAMETERS[name] ?? '',
    schema: { type: 'string' as const },
  })),
  ...heeds.map((name) => ({
    name,
    in: 'header' as const,
    description: HEEDED[name],
    schema: { type: 'string' as const },
  })),
];

/** The first example of a schema. */
export const exampleOf = (schema: z.ZodType): unknown => (schema.meta()?.examples as unknown[] | undefined)?.[0];

const contentOf = ({ schema, type = 'application/json' }: DeclaredAnswer) =>
  schema === undefined ? { [type]: {} } : { [type]: { schema, example: exampleOf(schema) } };

const answerOf = (answer: DeclaredAnswer) => ({
  description: answer.description,
  ...(answer.headers && {
    headers: Object.fromEntries(
      answer.headers.map((name) => [name, { description: ANSWERED[name], schema: { type: 'string' as const } }]),
    ),
  }),
  ...((answer.schema ?? answer.type) !== undefined && { content: contentOf(answer) }),
});

const problemOf = (codes: string[]) => ({
  description: `A problem: ${codes.map((one) => `\`${one}\``).join(', ')}`,
  content: { 'application/problem+json': { schema: ProblemAnswer } },
});

/** A status may answer both a result and a problem: of a batch none of whose lines was accepted. */
const responsesOf = (endpoint: Endpoint<never>): ZodOpenApiResponsesObject => {
  const responses: Record<string, ReturnType<typeof answerOf> & { content?: object }> = {};
  for (const [status, answer] of Object.entries(endpoint.answers)) responses[status] = answerOf(answer);
  for (const [status, codes] of problemsByStatus(endpoint)) {
    const problem = problemOf(codes);
    const other = responses[status];
    responses[status] =
      other === undefined
        ? problem
        : {
            ...other,
            description: `${other.description} ${problem.description}`,
            content: { ...other.content, ...problem.content },
          };
  }
  return responses;
};

const ROLES = { read: 'reader', send: 'sender', administer: 'admin', operate: 'operator' } as const;

const permissionOf = ({ action, whenNew, whenTrusted }: Permission): string =>
  [
    `Needs the role \`${ROLES[action]}\` or one that may do more`,
    whenNew && `, and \`${ROLES[whenNew]}\` where it does not exist yet`,
    whenTrusted && `, and \`${ROLES[whenTrusted]}\` where templates run without a sandbox`,
    '.',
  ]
    .filter((part) => part !== undefined)
    .join('');

const bodyOf = ({ optional, types, schema }: Body<unknown>) => ({
  required: optional !== true,
  content: Object.fromEntries(types.map((type) => [type, schema === undefined ? {} : { schema }])),
});

const describe = (endpoint: Endpoint<never>): ZodOpenApiOperationObject => {
  const { id, tag, summary, description, may, query, body } = endpoint;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: `${description}\n\n${permissionOf(may)}`,
    parameters: parametersOf(endpoint),
    ...(query && { requestParams: { query } }),
    ...((body?.schema ?? body?.stream) && { requestBody: bodyOf(body) }),
    responses: responsesOf(endpoint),
  };
};

const pathsOf = (endpoints: readonly Endpoint<never>[]): ZodOpenApiPathsObject => {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const endpoint of endpoints)
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: describe(endpoint) };
  return paths;
};

/** Answers may get new fields, which clients must bear; the schemas here are strict so that tests find what is not declared. */
const openAnswers: CreateDocumentOptions['override'] = ({ jsonSchema, io }) => {
  if (io !== 'output') return;
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
};

/** @returns what makes the document at the first question, and keeps it */
export const createOpenapiDocument = (endpoints: readonly Endpoint<never>[]) => {
  let made: ReturnType<typeof createDocument> | undefined;
  return (): ReturnType<typeof createDocument> =>
    (made ??= createDocument(
      {
        openapi: '3.1.1',
        info: {
          title: 'Rohrpost',
          version: VERSION,
          description: 'Outbound e-mail queue for many tenants and applications',
        },
        tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
        security: [{ bearer: [] }],
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
        paths: pathsOf(endpoints),
      },
      { override: openAnswers },
    ));
};
