// How one operation is shown: what it takes, what it answers, and a request that can be copied.
import type { Child } from 'hono/jsx';
import { prose } from './prose';
import { SchemaView, TypeOf, type Schema } from './schema-view';

interface Content {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, { $ref: string }>;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    example?: string | number;
    schema: Schema;
  }[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, { description: string; headers?: object; content?: Record<string, Content> }>;
}

export interface ShownOperation {
  path: string;
  method: string;
  operation: Operation;
}

/** Examples of names stand in the path; other parts keep their braces. */
const curlOf = ({ path, method, operation }: ShownOperation): string => {
  const { parameters = [], requestBody } = operation;
  const filled = path.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const example = parameters.find((one) => one.in === 'path' && one.name === name)?.example;
    return example === undefined ? whole : String(example);
  });
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const lines = [
    `curl -X ${method.toUpperCase()} "$API${filled}" -H "Authorization: Bearer $KEY"`,
    ...(type === undefined ? [] : [`-H 'Content-Type: ${type}'`]),
    ...(content?.example === undefined
      ? []
      : [`-d '${JSON.stringify(content.example, undefined, 2).replace(/'/g, `'\\''`)}'`]),
  ];
  return lines.join(' \\\n  ');
};

const Parameters = ({ operation: { parameters = [] } }: ShownOperation): Child =>
  parameters.length > 0 && (
    <>
      <h4>Parameters</h4>
      <dl class="fields">
        {parameters.map(({ name, in: place, required, description, schema }) => (
          <>
            <dt>
              <code>{name}</code> in {place} {required === true && <strong>needed</strong>} <TypeOf schema={schema} />
            </dt>
            <dd>{description !== undefined && prose(description)}</dd>
          </>
        ))}
      </dl>
    </>
  );

const Body = ({ content }: { content: Record<string, Content> | undefined }): Child => (
  <>
    {Object.entries(content ?? {}).map(([type, { schema, example, examples }]) => (
      <>
        <p class="hint">{type}</p>
        {schema !== undefined && examples === undefined && <SchemaView schema={schema} />}
        {example !== undefined && (
          <details>
            <summary>Example</summary>
            <pre>{JSON.stringify(example, undefined, 2)}</pre>
          </details>
        )}
      </>
    ))}
  </>
);

const isProblem = (status: string): boolean => Number(status) >= 400;

const Problems = ({ operation: { responses } }: ShownOperation): Child => (
  <details>
    <summary>Problems</summary>
    <ul>
      {Object.entries(responses)
        .filter(([status]) => isProblem(status))
        .map(([status, { content }]) => (
          <li>
            {status}:{' '}
            {Object.keys(content?.['application/problem+json']?.examples ?? {}).map((code) => (
              <>
                <a href={`#problem-${code}`}>{code}</a>{' '}
              </>
            ))}
          </li>
        ))}
    </ul>
  </details>
);

export const OperationView = (shown: ShownOperation): Child => {
  const { path, method, operation } = shown;
  const { operationId, summary, description, requestBody, responses } = operation;
  return (
    <section class="card" id={operationId}>
      <h3>{summary}</h3>
      <p>
        <strong>{method.toUpperCase()}</strong> <code>{path}</code> <span class="hint">{operationId}</span>
      </p>
      {prose(description)}
      <Parameters {...shown} />
      {requestBody !== undefined && (
        <>
          <h4>Body{requestBody.required === true ? '' : ' (may be left out)'}</h4>
          <Body content={requestBody.content} />
        </>
      )}
      <h4>Answers</h4>
      {Object.entries(responses)
        .filter(([status, { content }]) => !isProblem(status) || content?.['application/json'] !== undefined)
        .map(([status, { description: words, headers, content }]) => (
          <>
            <p>
              <strong>{status}</strong> {words.split(' A problem:')[0]}{' '}
              <span class="hint">{Object.keys(headers ?? {}).join(', ')}</span>
            </p>
            {status === '204' || (
              <Body
                content={Object.fromEntries(
                  Object.entries(content ?? {}).filter(([type]) => type !== 'application/problem+json'),
                )}
              />
            )}
          </>
        ))}
      <Problems {...shown} />
      <details>
        <summary>curl</summary>
        <pre>{curlOf(shown)}</pre>
      </details>
    </section>
  );
};
