// The OpenAPI 3.1 document, made of the declared endpoints.
import {
  createDocument,
  type CreateDocumentOptions,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameterObject,
  type ZodOpenApiPathsObject,
} from 'zod-openapi';
import { VERSION } from '../../../../libs/runtime/version';
import type { Permission } from '../permission';
import type { Body } from './body';
import { ANSWER_HEADERS, exampleOf, problemExamples, responsesOf } from './documented-answers';
import { TAGS, type Endpoint, type HeededHeader } from './endpoint';

const ABOUT = `An outbound e-mail queue for many tenants and applications.

**Keys.** Each request has \`Authorization: Bearer <key>\`. What a key does not reach is 404, as if it did not exist.

**Problems.** Whatever is refused answers \`application/problem+json\` (RFC 9457) with a stable \`code\`; fields that are wrong stand in
\`errors\`, each with a JSON Pointer. 429, 503 and 507 say by \`Retry-After\` when to try again.

**Repetitions.** With an \`Idempotency-Key\` an email is accepted once, however often the request is sent. PUT, DELETE and GET may be repeated
without one.

**Lists** are answered by pages: \`nextCursor\` leads to the next one, null is the end.

**New fields.** Answers may get new fields and new values of enumerations: bear those that you do not know. Unknown fields in what you send are
refused.`;

const NAME = { $ref: '#/components/schemas/Slug' };
type SchemaOfName = { $ref: string } | { type: 'string' | 'integer'; minimum?: number };
const PARAMETERS: Record<string, { description: string; schema: SchemaOfName; example?: unknown }> = {
  tenant: { description: 'The tenant’s name.', schema: NAME, example: 'acme' },
  application: {
    description: 'The application’s name: it has a queue of its own.',
    schema: NAME,
    example: 'billing',
  },
  id: {
    description: 'As it was answered: of an email, an operation, a key or a delivery.',
    schema: { type: 'string' },
  },
  name: { description: 'The name of the transport, the template or the webhook.', schema: NAME, example: 'default' },
  version: { description: 'The number of a version.', schema: { type: 'integer', minimum: 1 }, example: 1 },
  address: {
    description: 'An e-mail address, percent-encoded where it has a slash.',
    schema: { type: 'string' },
    example: 'ann@example.org',
  },
};

const HEEDED: Record<HeededHeader, string> = {
  'Idempotency-Key':
    'Makes a repetition harmless for 24 hours: the same body gets the first answer, another one is refused. 1 to 255 printable ASCII characters.',
  'If-Match': 'The ETag of the version that was read: another one is not changed.',
};
const HEEDED_EXAMPLES: Record<HeededHeader, string> = { 'Idempotency-Key': 'invoice-114', 'If-Match': '"1"' };

const parametersOf = ({ path, heeds = [] }: Endpoint<never>): ZodOpenApiParameterObject[] => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path' as const,
    required: true,
    ...(PARAMETERS[name] ?? { schema: { type: 'string' as const } }),
  })),
  ...heeds.map((name) => ({
    name,
    in: 'header' as const,
    description: HEEDED[name],
    schema: { type: 'string' as const },
    example: HEEDED_EXAMPLES[name],
  })),
];

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

const bodyOf = ({ optional, types, schema }: Body<unknown>) => {
  const example = schema && exampleOf(schema);
  // Bytes have no schema (OpenAPI 3.1.1, 4.8.14.4).
  const content = schema === undefined ? {} : { schema, ...(example !== undefined && { example }) };
  return { required: optional !== true, content: Object.fromEntries(types.map((type) => [type, content])) };
};

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

export type OpenapiDocument = ReturnType<typeof createDocument>;

/** @returns what makes the document at the first question, and keeps it */
export const createOpenapiDocument = (endpoints: readonly Endpoint<never>[]) => {
  let made: OpenapiDocument | undefined;
  return (): OpenapiDocument =>
    (made ??= createDocument(
      {
        openapi: '3.1.1',
        info: {
          title: 'Rohrpost',
          version: VERSION,
          description: ABOUT,
          license: { name: 'MIT', identifier: 'MIT' },
          contact: { name: 'Whoever runs this installation' },
        },
        servers: [{ url: '/', description: 'The API that answers this document.' }],
        tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
        security: [{ bearer: [] }],
        components: {
          securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A key of this installation.' } },
          headers: ANSWER_HEADERS,
          examples: problemExamples(endpoints),
        },
        paths: pathsOf(endpoints),
      },
      { override: openAnswers },
    ));
};
