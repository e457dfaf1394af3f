// How a JSON Schema of the document is shown: its fields with their types, rules and words.
import type { Child } from 'hono/jsx';
import { prose } from './prose';

/** The part of JSON Schema that the document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
}

const nameOf = (ref: string): string => ref.split('/').pop() ?? ref;

const between = (children: Child[], words: string): Child[] =>
  children.flatMap((child, index) => (index === 0 ? [child] : [words, child]));

/** Its type in a few words; schemas with a name are links to it. */
export const TypeOf = ({ schema }: { schema: Schema }): Child => {
  const { $ref, anyOf, oneOf, allOf, items, additionalProperties, type, format } = schema;
  if ($ref !== undefined) return <a href={`#schema-${nameOf($ref)}`}>{nameOf($ref)}</a>;
  const choice = anyOf ?? oneOf ?? allOf;
  if (choice !== undefined)
    return (
      <>
        {between(
          choice.map((one) => <TypeOf schema={one} />),
          ' or ',
        )}
      </>
    );
  if (schema.enum !== undefined || 'const' in schema)
    return <code>{(schema.enum ?? [schema.const]).map((one) => JSON.stringify(one)).join(' | ')}</code>;
  if (type === 'array')
    return (
      <>
        list of <TypeOf schema={items ?? {}} />
      </>
    );
  if (typeof additionalProperties === 'object' && schema.properties === undefined)
    return (
      <>
        object of <TypeOf schema={additionalProperties} />
      </>
    );
  const words = type === undefined ? 'any' : [type].flat().join(' or ');
  return <>{format === undefined ? words : `${words} (${format})`}</>;
};

const RULES = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'default', 'pattern'] as const;

const rulesOf = (schema: Schema): string =>
  RULES.filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${typeof schema[name] === 'string' ? schema[name] : JSON.stringify(schema[name])}`)
    .join(', ');

/** Objects that have no name of their own are shown where they stand. */
const inner = (schema: Schema): Schema[] =>
  [schema, schema.items ?? {}, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].filter(
    (one) => one.properties !== undefined,
  );

/** The fields of an object, or its type where it is none. */
export const SchemaView = ({ schema }: { schema: Schema }): Child => {
  const { properties, required = [] } = schema;
  if (properties === undefined)
    return (
      <p>
        <TypeOf schema={schema} /> <span class="hint">{rulesOf(schema)}</span>
      </p>
    );
  return (
    <dl class="fields">
      {Object.entries(properties).map(([name, field]) => (
        <>
          <dt>
            <code>{name}</code> {required.includes(name) && <strong>needed</strong>} <TypeOf schema={field} />
          </dt>
          <dd>
            {field.description !== undefined && prose(field.description)}
            {rulesOf(field) !== '' && <p class="hint">{rulesOf(field)}</p>}
            {inner(field).map((one) => (
              <SchemaView schema={one} />
            ))}
          </dd>
        </>
      ))}
    </dl>
  );
};
