// Reads and validates what a request carries.
import express, { type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { Problem } from '../../libs/mail/problem';
import { invalidInput } from './errors';

/** Nested deeper than this is an attack, not data; recursion stays safe below it. */
const DEEPEST = 32;
/** Keys that change an object's prototype in careless code. */
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

const checkShape = (body: unknown): void => {
  let level: { value: unknown; path: string }[] = [{ value: body, path: '' }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new Problem('invalid', `the body is nested deeper than ${DEEPEST} levels`);
    level = level.flatMap(({ value, path }) => {
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).map(([key, inner]) => {
        if (POISON.has(key)) {
          throw new Problem('invalid', `the key ${key} is not allowed`, [
            { path: `${path}/${key}`, message: 'is not allowed as a key' },
          ]);
        }
        return { value: inner as unknown, path: `${path}/${key}` };
      });
    });
  }
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

/** Validates the query. Pointers begin with the parameter's name. */
export const parseQuery = <T extends z.ZodType>(schema: T, request: Request): z.infer<T> =>
  parseInput(schema, request.query);
