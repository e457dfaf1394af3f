// Hostile requests: any operation of the document with anything in its path, query, headers and body.
import { sampleOf, type Document, type Operation } from './document';
import type { Draw } from './draw';
import { gzipBomb, pathPart, shortValue, spoil, write, type Written } from './hostile-values';

export const ROLES = ['admin', 'sender', 'reader'] as const;
export type Role = (typeof ROLES)[number];

export interface HostileRequest {
  /** What is done, for people who look for a fault. */
  label: string;
  operation: Operation;
  path: string;
  role: Role | undefined;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

/** What is there to aim at, by the name of the parameter. */
export type Targets = Record<string, readonly string[]>;

const pathOf = (operation: Operation, targets: Targets, draw: Draw): string =>
  operation.path.replace(/\{(\w+)\}/g, (_, name: string) => pathPart(targets[name] ?? ['1', '2'], draw));

const queryOf = (operation: Operation, draw: Draw): string => {
  const known = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
  const names = draw.chance(0.05) ? ['unknown', ...known] : known.filter(() => draw.chance(0.3));
  const repeated = draw.chance(0.02) ? draw.upTo(2_000) : 1;
  const parts = names.map((name) => `${name}=${encodeURIComponent(shortValue(draw))}`);
  // A longer line of request is refused by the parser of HTTP.
  return parts.length === 0
    ? ''
    : `?${Array.from({ length: repeated }, () => parts.join('&'))
        .join('&')
        .slice(0, 15_000)}`;
};

const headersOf = (operation: Operation, draw: Draw): Record<string, string> => {
  const known = operation.parameters.filter((one) => one.in === 'header').map(({ name }) => name);
  const named = known.filter(() => draw.chance(0.15)).map((name) => [name, shortValue(draw, true)]);
  return Object.fromEntries(named) as Record<string, string>;
};

const bodyOf = (document: Document, operation: Operation, draw: Draw): Written | undefined => {
  if (operation.contentTypes.length === 0)
    return draw.chance(0.05) ? { label: 'a body', bytes: Buffer.from('{') } : undefined;
  const body =
    operation.body === undefined ? 'x'.repeat(draw.upTo(20_000_000)) : sampleOf(document, operation.body, draw);
  if (draw.chance(0.15)) return { label: 'as it should be', bytes: Buffer.from(JSON.stringify(body) ?? '') };
  let spoiled = body;
  for (let times = 1 + draw.below(2); times > 0; times--) spoiled = spoil(spoiled, draw);
  return write(draw.chance(0.6) ? spoiled : body, draw);
};

const typeOf = (operation: Operation, draw: Draw): Record<string, string> => {
  if (draw.chance(0.03))
    return draw.pick<Record<string, string>>([
      {},
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': 'application/json', 'content-encoding': 'br' },
    ]);
  return { 'content-type': operation.contentTypes[0] ?? 'application/json' };
};

/** One request that the document does not intend, or hardly. */
export const derive = (
  document: Document,
  operations: readonly Operation[],
  targets: Targets,
  draw: Draw,
): HostileRequest => {
  const operation = draw.pick(operations);
  const written = bodyOf(document, operation, draw);
  const request = {
    operation,
    path: pathOf(operation, targets, draw) + queryOf(operation, draw),
    role: draw.chance(0.01) ? undefined : draw.pick([...ROLES, 'admin', 'admin', 'sender'] as const),
    headers: { ...headersOf(operation, draw), ...(written && typeOf(operation, draw)) },
  };
  if (written !== undefined && draw.chance(0.005)) {
    const headers = { ...request.headers, 'content-encoding': 'gzip' };
    return { ...request, label: `${operation.id}: gzip bomb`, headers, body: gzipBomb() };
  }
  const label = `${operation.id}: ${written?.label || 'values'}, ${written?.bytes.length ?? 0} bytes`;
  return { ...request, label, body: written?.bytes };
};
