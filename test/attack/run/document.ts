// What the attack knows of the service: its own OpenAPI document, and bodies made from the schemas in it.
import type { Draw } from './draw';

/** The part of JSON Schema that the document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  examples?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  format?: string;
}

export interface Parameter {
  in: 'path' | 'query' | 'header';
  name: string;
  schema: Schema;
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  parameters: Parameter[];
  contentTypes: string[];
  body: Schema | undefined;
  /** Codes of problems by status, as declared. */
  codes: Map<number, Set<string>>;
}

interface RawOperation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, { description: string }>;
}

export interface Document {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
}

/** @throws Error where the document has no operation */
export const operationsOf = ({ paths }: Document): Operation[] => {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]): Operation => {
      const content = Object.entries(raw.requestBody?.content ?? {});
      return {
        id: raw.operationId,
        method: method.toUpperCase(),
        path,
        parameters: raw.parameters ?? [],
        contentTypes: content.map(([type]) => type),
        body: content[0]?.[1].schema,
        codes: new Map(
          Object.entries(raw.responses).map(([status, { description }]) => [
            Number(status),
            new Set([...description.matchAll(/`([a-z0-9-]+)`/g)].map((found) => found[1] ?? '')),
          ]),
        ),
      };
    }),
  );
  if (all.length === 0) throw new Error('the OpenAPI document names no operation');
  return all;
};

/** What fits a field whose schema is a pattern, or says less than is asked for. No host here leads out of this machine. */
const FITTING: Record<string, unknown[]> = {
  to: [['Ann <ann@a.example>']],
  from: ['Sender <sender@a.example>'],
  address: ['ann@a.example'],
  template: ['receipt'],
  data: [{ name: 'Ann', items: [] }],
  emails: [[{ to: ['ann@a.example'], subject: 'Hello', text: 'Hello' }]],
  defaults: [{ subject: 'Hello' }],
  host: ['127.0.0.1', 'localhost', 'mail.invalid', '169.254.169.254', '::1'],
  port: [1],
  tokenUrl: ['https://login.invalid/token'],
  url: ['http://127.0.0.1:1/x', 'http://source.invalid/x'],
  dataUrl: ['http://127.0.0.1:1/x', 'http://source.invalid/x'],
  content: ['YQ=='],
  tenant: ['a'],
  application: ['app'],
  addresses: [['127.0.0.0/8']],
  sendAt: ['2030-01-01T00:00:00Z', '2020-01-01T00:00:00Z'],
  enabled: [true],
};

/** How deep a made body is; the document's schemas of data contain themselves. */
const DEEPEST = 6;

const objectOf = (document: Document, schema: Schema, draw: Draw, depth: number): Record<string, unknown> => {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name) || draw.chance(0.25));
  return Object.fromEntries(fields.map(([name, field]) => [name, sampleOf(document, field, draw, name, depth + 1)]));
};

/** A value that the schema allows, or nearly so. @param name of the field that it is for */
export const sampleOf = (document: Document, schema: Schema, draw: Draw, name = '', depth = 0): unknown => {
  const fitting = FITTING[name];
  if (fitting !== undefined && draw.chance(0.9)) return draw.pick(fitting);
  if (depth > DEEPEST) return null;
  if (schema.$ref !== undefined) {
    const target = document.components.schemas[schema.$ref.split('/').pop() ?? ''] ?? {};
    return sampleOf(document, target, draw, name, depth + 1);
  }
  if ('const' in schema) return schema.const;
  // The example of a whole body would be the only body.
  const examples = schema.properties === undefined ? schema.examples : undefined;
  for (const listed of [schema.enum, examples]) if (listed?.length) return draw.pick(listed);
  const choice = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choice?.length) return sampleOf(document, draw.pick(choice), draw, name, depth + 1);
  const type = Array.isArray(schema.type) ? draw.pick(schema.type) : schema.type;
  if (type === 'object') return objectOf(document, schema, draw, depth);
  if (type === 'array')
    return Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () =>
      sampleOf(document, schema.items ?? {}, draw, '', depth + 1),
    );
  if (type === 'integer' || type === 'number') return draw.pick([schema.minimum ?? 0, schema.maximum ?? 1_000, 1, 5]);
  if (type === 'boolean') return draw.chance(0.5);
  if (type === 'string' && schema.format === 'date-time') return '2030-01-01T00:00:00Z';
  return type === 'string' ? 'x'.repeat(Math.max(1, schema.minLength ?? 1)) : null;
};
