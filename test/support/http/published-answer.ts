// Holds the body of an answer against the published document, as a client reads it: JSON Schema, not the schemas that it was made from.
import { Validator, type Schema } from '@cfworker/json-schema';
import { createOpenapiDocument } from '../../../apps/api/http/endpoint/openapi';
import { ENDPOINTS } from '../../../apps/api/routes/all-endpoints';

interface Published {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, PublishedResponse> }>>;
  components: { schemas: Record<string, Schema> };
}
interface PublishedResponse {
  headers?: Record<string, unknown>;
  content?: Record<string, { schema?: Schema }>;
}

const IN_COMPONENTS = '#/components/schemas/';

/** A schema alone: its references lead to `$defs`, and it has no examples, in which a member `id` would be taken for one of a schema. */
const alone = (given: unknown): unknown => {
  if (Array.isArray(given)) return given.map(alone);
  if (typeof given !== 'object' || given === null) return given;
  const members = Object.entries(given).filter(([name, value]) => name !== 'examples' || !Array.isArray(value));
  return Object.fromEntries(
    members.map(([name, value]) => [
      name,
      name === '$ref' ? String(value).replace(IN_COMPONENTS, '#/$defs/') : alone(value),
    ]),
  );
};

let published: Published | undefined;
const documentOf = (): Published => (published ??= createOpenapiDocument(ENDPOINTS)() as unknown as Published);

const validators = new Map<string, Validator>();

/** Made when it is first needed: a test asks few of the operations. */
const validatorOf = (id: string, schema: Schema): Validator => {
  const known = validators.get(id);
  if (known !== undefined) return known;
  const { schemas } = documentOf().components;
  const made = new Validator({ ...(alone(schema) as Schema), $defs: alone(schemas) as Schema }, '2020-12', false);
  validators.set(id, made);
  return made;
};

/** @returns what of an answer the document does not say, in words; nothing where it is as published */
export const publishedFaults = (
  { path, method, id }: { path: string; method: string; id: string },
  { status, headers, body }: { status: number; headers: Headers; body: unknown },
): string[] => {
  const response = documentOf().paths[path]?.[method]?.responses[status];
  if (response === undefined) return [`the document has no status ${status}`];
  const missing = ['x-request-id', 'retry-after', 'www-authenticate', 'etag', 'location'].filter(
    (name) =>
      headers.get(name) !== null && !Object.keys(response.headers ?? {}).some((one) => one.toLowerCase() === name),
  );
  const type = headers.get('content-type')?.split(';')[0];
  const content = type === undefined ? undefined : response.content?.[type];
  const faults = missing.map((name) => `the document has no header ${name}`);
  if (type === undefined) return faults;
  if (content === undefined) return [...faults, `the document has no body of the type ${type}`];
  if (content.schema === undefined || !/json/.test(type)) return faults;
  const { errors } = validatorOf(`${id} ${status} ${type}`, content.schema).validate(body);
  return [...faults, ...errors.map(({ instanceLocation, error }) => `by the document: ${instanceLocation} ${error}`)];
};
