// The OpenAPI document names every endpoint with all that it answers, and every route that exists is one of them.
import { exampleOf } from '../../apps/api/http/endpoint/documented-answers';
import { TAGS } from '../../apps/api/http/endpoint/endpoint';
import { ENDPOINTS } from '../../apps/api/routes/all-endpoints';
import { startService, type Service } from '../support/service';

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());

interface Endpoint {
  operationId?: string;
  tags?: string[];
  description?: string;
  requestBody?: unknown;
  responses: Record<string, { description: string; content?: Record<string, { schema?: object; example?: unknown }> }>;
}

interface Parameter {
  name: string;
  description?: string;
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Endpoint>>;
  components: { schemas: Record<string, { properties?: Record<string, unknown>; additionalProperties?: unknown }> };
}

test('the document is OpenAPI 3.1 and is made from the schemas that validate', async () => {
  const document = await service.ok<Document>('GET', '/openapi.json');
  expect(document.openapi).toBe('3.1.1');
  const email = document.components.schemas['Email'];
  expect(Object.keys(email?.properties ?? {})).toEqual(
    expect.arrayContaining(['to', 'subject', 'sendAt', 'onUncertain', 'dataUrl']),
  );
  expect(email?.additionalProperties).toBe(false);
});

test('what is heeded besides the body is described, and what is not JSON', async () => {
  const { paths } = await service.ok<Document>('GET', '/openapi.json');
  const email = '/v1/queues/{tenant}/{application}/emails/{id}';
  expect(paths[email.replace('/{id}', '')]?.['post']).toMatchObject({
    parameters: expect.arrayContaining([expect.objectContaining({ name: 'Idempotency-Key', in: 'header' })]) as unknown,
  });
  expect(paths[email]?.['patch']).toMatchObject({
    requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Correction' } } } },
    parameters: expect.arrayContaining([expect.objectContaining({ name: 'If-Match' })]) as unknown,
  });
  expect(paths[`${email}/message`]?.['get']).toMatchObject({
    responses: { 200: { content: { 'message/rfc822': {} } } },
  });
});

/** Bodies that are no JSON: a message, and a stream of events, which docs/events.md tells of. */
const WITHOUT_SCHEMA = ['message/rfc822', 'text/event-stream', 'text/csv'];

test('every endpoint has an id of its own, a tag, a description, and the schemas of all its answers', async () => {
  const document = await service.ok<Document>('GET', '/openapi.json');
  const endpoints = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  expect(new Set(endpoints.map(({ operationId }) => operationId)).size).toBe(ENDPOINTS.length);
  for (const { operationId, tags = [], description = '', responses } of endpoints) {
    expect({ operationId, tags: tags.every((tag) => tag in TAGS), said: description.length > 40 }).toEqual({
      operationId: expect.stringMatching(/^[a-z][A-Za-z]+$/) as string,
      tags: tags.length === 1,
      said: true,
    });
    const statuses = Object.keys(responses);
    expect(statuses).toEqual(expect.arrayContaining(['400', '401', '500', '503']));
    for (const [status, { content = {} }] of Object.entries(responses)) {
      const isProblem = Number(status) >= 400;
      const bodies = Object.entries(content);
      const isWhole = bodies.every(([type, { schema }]) => schema !== undefined || WITHOUT_SCHEMA.includes(type));
      expect({ operationId, status, isWhole, empty: bodies.length === 0 }).toEqual({
        operationId,
        status,
        isWhole: true,
        empty: status === '204',
      });
      if (isProblem)
        expect(content['application/problem+json']?.schema).toEqual({ $ref: '#/components/schemas/Problem' });
    }
  }
});

test('each answer has an example that is as its schema says', () => {
  for (const { id, answers } of ENDPOINTS) {
    for (const [status, { schema }] of Object.entries(answers)) {
      if (schema === undefined) continue;
      const { error } = schema.safeParse(exampleOf(schema));
      expect([id, status, error]).toEqual([id, status, undefined]);
    }
  }
});

test('a body that is taken has an example, which is as its schema says; parameters are described', async () => {
  for (const { id, body } of ENDPOINTS) {
    if (body?.schema === undefined) continue;
    const example = exampleOf(body.schema);
    expect([id, example === undefined, body.schema.safeParse(example).error]).toEqual([id, false, undefined]);
  }
  const { paths } = await service.ok<{ paths: Record<string, Record<string, { parameters?: Parameter[] }>> }>(
    'GET',
    '/openapi.json',
  );
  const parameters = Object.values(paths).flatMap((methods) =>
    Object.values(methods).flatMap((one) => one.parameters ?? []),
  );
  expect(parameters.filter(({ description = '' }) => description === '').map(({ name }) => name)).toEqual([]);
});

test('recipients may be one text; each problem has an example under its code, and says when to try again', async () => {
  const { components, paths } = await service.ok<Document & { components: { examples: object } }>(
    'GET',
    '/openapi.json',
  );
  const address = { $ref: '#/components/schemas/Address' };
  for (const name of ['Email', 'BatchLine', 'Resend'])
    expect(components.schemas[name]?.properties?.['to']).toEqual({
      anyOf: [address, { type: 'array', items: address, maxItems: 100 }],
    });
  expect(paths['/v1/queues/{tenant}/{application}/emails']?.['post']?.responses['429']).toMatchObject({
    headers: { 'Retry-After': {}, 'X-Request-Id': {} },
    content: {
      'application/problem+json': { examples: { 'rate-limited': { $ref: '#/components/examples/rate-limited' } } },
    },
  });
  expect(components.examples).toMatchObject({ 'rate-limited': { value: { code: 'rate-limited', status: 429 } } });
});

test('answers may get new fields, which clients bear; what is taken may not', async () => {
  const { schemas } = (await service.ok<Document>('GET', '/openapi.json')).components;
  expect(schemas['EmailDetails']).not.toHaveProperty('additionalProperties');
  expect(schemas['Problem']).not.toHaveProperty('additionalProperties');
  expect(schemas['Transport']).toHaveProperty('additionalProperties', false);
});

test('every path of the document is there: none answers that there is nothing under its address', async () => {
  const document = await service.ok<Document>('GET', '/openapi.json');
  await service.ok('PUT', '/v1/tenants/acme', {});
  await service.ok('PUT', '/v1/queues/acme/app', { from: 'a@b.example' });
  const values: Record<string, string> = {
    tenant: 'acme',
    application: 'app',
    name: 'welcome',
    version: '1',
    id: 'none',
  };
  const missing: string[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods).filter((name) => name !== 'delete')) {
      const real = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name);
      if (real.endsWith('/verify')) continue;
      const { status, body } = await service.call(
        method.toUpperCase(),
        real,
        ['post', 'put', 'patch'].includes(method) ? {} : undefined,
      );
      if (status === 404 && String(body['detail']).includes(`${method.toUpperCase()} ${real}`))
        missing.push(`${method} ${path}`);
    }
  }
  expect(missing).toEqual([]);
});
