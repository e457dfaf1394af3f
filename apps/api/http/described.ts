// What the API's document says of an address: which methods it has, and whether they heed an idempotency key.
import type { RequestHandler } from 'express';
import { reaches, type Identity } from '../../../libs/mail/settings/api-key';
import { Problem, problemAt, notFound } from '../../../libs/mail/input/problem';
import { identityOf } from './auth';
import { OPERATIONS } from './openapi';

/** Outside the document; they are asked, never told anything. */
const ASKED = ['/openapi.json', '/livez', '/readyz'];

const ADDRESSES = [
  ...OPERATIONS.map(([method, path, { headers = [] }]) => ({ method: method.toUpperCase(), path, headers })),
  ...ASKED.map((path) => ({ method: 'GET', path, headers: [] as string[] })),
].map((one) => ({ ...one, pattern: new RegExp(`^${one.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}/?$`) }));

type Found = (typeof ADDRESSES)[number] & { values: Record<string, string> };

const operationsAt = (path: string): Found[] =>
  ADDRESSES.flatMap((one) => {
    const match = one.pattern.exec(path);
    return match === null ? [] : [{ ...one, values: match.groups ?? {} }];
  });

/** Does the key reach what the address names? Whether it is there is another question. */
const isReached = (identity: Identity | undefined, { path, values }: Found): boolean => {
  if (identity === undefined) return !path.startsWith('/v1');
  const { tenant, application } = values;
  if (tenant === undefined) return true;
  if (application === undefined && identity.application !== undefined) return false;
  return reaches(identity, { tenant, ...(application !== undefined && { application }) });
};

/**
 * A key promises that a repetition does nothing twice; where nobody keeps that promise, it is refused rather than ignored.
 * PUT, DELETE and GET may be repeated without one (RFC 9110 9.2.2).
 */
export const refuseUnheededKey: RequestHandler = (request, _response, next) => {
  const isGiven = request.headers['idempotency-key'] !== undefined;
  if (!isGiven || (request.method !== 'POST' && request.method !== 'PATCH')) return next();
  const [found] = operationsAt(`${request.baseUrl}${request.path}`).filter(({ method }) => method === request.method);
  if (found !== undefined && !found.headers.includes('Idempotency-Key')) {
    throw problemAt(
      'idempotency-key-not-supported',
      ['Idempotency-Key'],
      'is not heeded here, so a repetition would act twice: leave the header out (it holds for emails, batches and resend)',
    );
  }
  next();
};

/** Nothing answered. @throws Problem `method-not-allowed` where the address has other methods, else `not-found` */
export const unknownAddress: RequestHandler = (request, response) => {
  const identity = identityOf(response) as Identity | undefined;
  const methods = operationsAt(request.path)
    .filter((found) => isReached(identity, found))
    .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  if (methods.length === 0 || methods.includes(request.method)) throw notFound(`${request.method} ${request.path}`);
  const allowed = [...new Set(methods)].join(', ');
  response.set('Allow', allowed);
  throw new Problem('method-not-allowed', `${request.method} is not possible here: this address has ${allowed}`);
};
