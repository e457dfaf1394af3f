// `/docs`: the OpenAPI document as a page, for everybody, without a script and without anything from elsewhere.
import { Router } from 'express';
import type { Child } from 'hono/jsx';
import { assetPath } from '../console/page/assets';
import { sendHtml } from '../console/answer/answers';
import type { OpenapiDocument } from '../http/endpoint/openapi';
import { OperationView, type Operation, type ShownOperation } from './operation-view';
import { prose } from './prose';
import { SchemaView, type Schema } from './schema-view';

export const REFERENCE_PATH = '/docs';

/** The part of the document that is shown. */
interface Shown {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema & { description?: string }>;
    examples: Record<string, { summary: string; value: { status: number } }>;
  };
}

const operationsOf = ({ paths }: Shown): ShownOperation[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Each word that is looked for stands somewhere in the operation. */
const isFound = ({ path, method, operation }: ShownOperation, words: string[]): boolean => {
  const text = `${method} ${path} ${JSON.stringify(operation)}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

const Contents = ({ tags, operations }: Pick<Shown, 'tags'> & { operations: ShownOperation[] }) => (
  <nav aria-label="Operations" class="card">
    {tags.map(({ name }) => {
      const ours = operations.filter(({ operation }) => operation.tags.includes(name));
      return (
        ours.length > 0 && (
          <details open>
            <summary>{name}</summary>
            <ul>
              {ours.map(({ method, path, operation: { operationId, summary } }) => (
                <li>
                  <a href={`#${operationId}`}>{summary}</a>{' '}
                  <span class="hint">
                    {method.toUpperCase()} {path}
                  </span>
                </li>
              ))}
            </ul>
          </details>
        )
      );
    })}
  </nav>
);

const Problems = ({ examples }: Shown['components']) => (
  <section class="card" id="problems">
    <h2>Problems</h2>
    <dl class="fields">
      {Object.entries(examples).map(([code, { summary, value }]) => (
        <>
          <dt id={`problem-${code}`}>
            <code>{code}</code> {value.status}
          </dt>
          <dd>
            <p>{summary}</p>
          </dd>
        </>
      ))}
    </dl>
  </section>
);

const Schemas = ({ schemas }: Shown['components']) => (
  <section id="schemas">
    <h2>Schemas</h2>
    {Object.entries(schemas).map(([name, schema]) => (
      <section class="card" id={`schema-${name}`}>
        <h3>{name}</h3>
        {schema.description !== undefined && prose(schema.description)}
        <SchemaView schema={schema} />
      </section>
    ))}
  </section>
);

const Search = ({ asked, found }: { asked: string; found: number }) => (
  <form role="search" action={REFERENCE_PATH}>
    <label for="q">Find an operation</label>
    <input id="q" name="q" type="search" value={asked} maxlength={200} />
    <button type="submit" class="button">
      Find
    </button>
    {asked !== '' && (
      <p role="status">
        {found} found. <a href={REFERENCE_PATH}>Show all</a>
      </p>
    )}
  </form>
);

const pageOf = async (document: Shown, asked: string): Promise<string> => {
  const { info, tags, components } = document;
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  const operations = operationsOf(document).filter((one) => isFound(one, words));
  const sections: Child[] = tags.map(({ name, description }) => {
    const ours = operations.filter(({ operation }) => operation.tags.includes(name));
    return (
      ours.length > 0 && (
        <section>
          <h2>{name}</h2>
          {prose(description)}
          {ours.map((one) => (
            <OperationView {...one} />
          ))}
        </section>
      )
    );
  });
  const html = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${info.title} ${info.version}: API`}</title>
        <link rel="icon" href={assetPath('icon.svg')} type="image/svg+xml" />
        <link rel="stylesheet" href={assetPath('console.css')} />
      </head>
      <body>
        <main class="reference">
          <h1>
            {info.title} {info.version}: API
          </h1>
          {prose(info.description)}
          <p>
            The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).{' '}
            <a href="#problems">Problems</a>, <a href="#schemas">schemas</a>.
          </p>
          <Search asked={asked} found={operations.length} />
          <Contents tags={tags} operations={operations} />
          {sections}
          <Problems {...components} />
          <Schemas {...components} />
        </main>
      </body>
    </html>
  );
  return `<!doctype html>${await (html as { toString(): string | Promise<string> }).toString()}`;
};

const MOST_ASKED = 200;

/** @param openapi the document; the whole page is made once */
export const referenceRoutes = (openapi: () => OpenapiDocument): Router => {
  let whole: Promise<string> | undefined;
  const router = Router({ caseSensitive: true });
  router.get(REFERENCE_PATH, async (request, response) => {
    const { q } = request.query;
    const asked = typeof q === 'string' ? q.slice(0, MOST_ASKED).trim() : '';
    const document = openapi() as unknown as Shown;
    await sendHtml(response, 200, await (asked === '' ? (whole ??= pageOf(document, '')) : pageOf(document, asked)));
  });
  return router;
};
