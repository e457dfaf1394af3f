// How the body of an endpoint is read, and what the document says of it.
import type { Request } from 'express';
import { z } from 'zod';
import { bodyOf, parseBody } from '../input';
import { PATCH_TYPES, requirePatchType } from '../settings-change';

export interface Body<T> {
  /** May it be left out? */
  optional?: true;
  /** Its media types, the first for those who have no wish. */
  types: readonly string[];
  schema?: z.ZodType;
  /** It is a stream that the handler reads: JSON is not looked for. */
  stream?: true;
  /** It may be lines of JSON as well (`LINES_TYPE`), which the handler reads as they come. */
  lines?: true;
  /** @throws Problem of what is wrong with it */
  read(this: void, request: Request): T;
}

const JSON_TYPE = ['application/json'] as const;

/** A JSON body that is validated by the schema. */
export const json = <S extends z.ZodType>(schema: S): Body<z.infer<S>> => ({
  types: JSON_TYPE,
  schema,
  read: (request) => parseBody(schema, request),
});

/** A JSON body that is validated by the schema, and documented by another that says more of what belongs into it. */
export const jsonAs = <S extends z.ZodType>(schema: S, documented: z.ZodType): Body<z.infer<S>> => ({
  ...json(schema),
  schema: documented,
});

/** The same as `json`, and it may be left out: that counts as none of its fields given. */
export const optionalJson = <S extends z.ZodType>(schema: S): Body<z.infer<S>> => ({ ...json(schema), optional: true });

/** A JSON body that the handler validates, where more than the body decides what is valid. */
export const uncheckedJson = (schema: z.ZodType): Body<unknown> => ({ types: JSON_TYPE, schema, read: bodyOf });

/** NDJSON: one JSON text a line. */
export const LINES_TYPE = 'application/x-ndjson';

/** Whether the body is a stream of lines. */
export const hasLines = (request: Request): boolean =>
  (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === LINES_TYPE;

/** The same as the body, or lines of what it says: those the handler reads, and it gets no body. */
export const orLines = <T>(body: Body<T>): Body<T | undefined> => ({
  ...body,
  types: [...body.types, LINES_TYPE],
  lines: true,
  read: (request) => (hasLines(request) ? undefined : body.read(request)),
});

/** Any fields of a document; null takes one away, in objects within it too (RFC 7396). The handler validates the result. */
export const mergePatchOf = (document: z.ZodObject): Body<unknown> => ({
  types: PATCH_TYPES,
  schema: z
    .object(Object.fromEntries(Object.keys(document.shape).map((name) => [name, z.unknown().optional()])))
    .meta({ id: `${document.meta()?.id ?? ''}Patch`, examples: document.meta()?.examples }),
  read: (request) => {
    requirePatchType(request);
    return bodyOf(request);
  },
});

/** Takes nothing: a field that is not heeded is refused, as everywhere. */
export const nothing = (): Body<object> => {
  const { read } = json(z.strictObject({}));
  return { optional: true, types: JSON_TYPE, read };
};

/** Bytes of any kind, read by the handler as they come. */
export const bytes = (): Body<undefined> => ({
  types: ['application/octet-stream'],
  stream: true,
  read: () => undefined,
});
