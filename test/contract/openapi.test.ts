// The OpenAPI document names every route that exists, and no other.
import { startService, type Service } from '../support/service';

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { requestBody?: unknown }>>;
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
