// Reads and validates what a request carries.
import express, { type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { shapeFault } from '../../libs/mail/json-shape';
import { Problem } from '../../libs/mail/problem';
import { invalidInput } from './errors';
import { badCursor } from './page';

const checkShape = (body: unknown): void => {
  const fault = shapeFault(body);
  if (fault === undefined) return;
  const { path, text } = fault;
  throw new Problem(
    'invalid',
    `the body ${text}`,
    path === undefined ? [] : [{ path, message: 'is not allowed as a key' }],
  );
};

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** Takes JSON bodies only. @throws Problem `unsupported-media-type`, `malformed-json`, `too-large` */
export const jsonBody = (limit: number): RequestHandler[] => [
  (request, _response, next) => {
    const hasBody =
      request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    if (hasBody && !JSON_TYPE.test(request.headers['content-type'] ?? '')) {
      throw new Problem('unsupported-media-type', 'the body must be JSON: Content-Type: application/json');
    }
    next();
  },
  express.json({ limit, strict: false, type: () => true }),
  (request, _response, next) => {
    checkShape(request.body);
    next();
  },
];

/** Validates a value. @throws Problem `invalid` or `not-supported-yet` with pointers */
export const parseInput = <T extends z.ZodType>(
  schema: T,
  value: unknown,
  base: readonly PropertyKey[] = [],
): z.infer<T> => {
  const result = schema.safeParse(value);
  if (!result.success) throw invalidInput(result.error, base);
  return result.data;
};

/** Validates a request's body; no body counts as none of the fields given. */
export const parseBody = <T extends z.ZodType>(schema: T, request: Request): z.infer<T> =>
  parseInput(schema, (request.body as unknown) ?? {});

/** Validates the query. Pointers begin with the parameter's name. @throws Problem `invalid`; `bad-cursor` for a cursor that is no text */
export const parseQuery = <T extends z.ZodType>(schema: T, request: Request): z.infer<T> => {
  const { cursor } = request.query;
  if (cursor !== undefined && (typeof cursor !== 'string' || cursor === '')) throw badCursor();
  return parseInput(schema, request.query);
};
