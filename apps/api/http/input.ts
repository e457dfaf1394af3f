// Reads and validates what a request carries.
import express, { type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { readJson } from '../../../libs/mail/json/json-text';
import { Problem } from '../../../libs/mail/input/problem';
import { parseInput } from '../../../libs/mail/input/parse-input';
import { unfoldMembers } from '../../../libs/mail/input/members';
import { badCursor } from './page';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]*)/i;

/** @throws Problem `unsupported-media-type` for whatever does not call itself JSON in UTF-8 (RFC 8259 8.1 and 11) */
const requireJson = (type: string | undefined): void => {
  if (type === undefined || !JSON_TYPE.test(type)) {
    const given = type === undefined ? 'this one has no Content-Type' : `this one is called ${type}`;
    throw new Problem(
      'unsupported-media-type',
      `the body must be JSON, and ${given}: send the header "Content-Type: application/json" and JSON (with curl: -H)`,
    );
  }
  const charset = CHARSET.exec(type)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new Problem(
      'unsupported-media-type',
      `the body must be UTF-8, and this one is called ${charset}: convert it and leave the charset out (RFC 8259 8.1)`,
    );
  }
};

/**
 * Takes JSON bodies only, and only such as nothing is lost of.
 * @throws Problem `unsupported-media-type`, `not-utf-8`, `malformed-json`, `invalid`, `too-large`
 */
export const jsonBody = (limit: number): RequestHandler[] => [
  (request, _response, next) => {
    const hasBody =
      request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    if (hasBody) requireJson(request.headers['content-type']);
    next();
  },
  express.raw({ limit, type: () => true }),
  async (request, _response, next) => {
    const bytes = request.body as Buffer | undefined;
    request.body = bytes === undefined || bytes.length === 0 ? undefined : await readJson(bytes, 'the body');
    next();
  },
];

/** What the body says; no body counts as none of the fields given. */
export const bodyOf = (request: Request): unknown => {
  const body = request.body as unknown;
  return body === undefined ? {} : body;
};

/** Validates a request's body. */
export const parseBody = <T extends z.ZodType>(schema: T, request: Request): z.infer<T> =>
  parseInput(schema, bodyOf(request));

/** What is no UTF-8 in percent-encoding would be read as something else. @throws Problem `bad-request` */
const requireReadable = (query: string): void => {
  try {
    decodeURIComponent(query);
  } catch {
    throw new Problem(
      'bad-request',
      'the query of the address is not percent-encoded UTF-8 (RFC 3986 2.5): write a percent sign as %25, other characters by their bytes in UTF-8',
    );
  }
};

/** Validates the query. Pointers begin with the parameter's name. @throws Problem `invalid`; `bad-cursor` for a cursor that is no text */
export const parseQuery = <T extends z.ZodType>(schema: T, request: Request): z.infer<T> => {
  const { cursor } = request.query;
  if (cursor !== undefined && (typeof cursor !== 'string' || !/^[\x20-\x7e]+$/.test(cursor))) throw badCursor();
  const [, query = ''] = request.originalUrl.split('?', 2);
  if (query.includes('%')) requireReadable(query);
  return parseInput(schema, unfoldMembers(request.query, 'metadata'));
};
