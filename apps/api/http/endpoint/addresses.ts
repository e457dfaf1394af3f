// What is declared of an address: which methods it has, and whether they heed an idempotency key.
import type { RequestHandler } from 'express';
import { reaches, type Identity } from '../../../../libs/mail/settings/api-key';
import { Problem, problemAt, notFound } from '../../../../libs/mail/input/problem';
import { identityOf } from '../auth';
import type { Endpoint } from './endpoint';

/** Outside the document; they are asked, never told anything. */
const ASKED = ['/openapi.json', '/docs', '/livez', '/readyz', '/metrics'];

type Address = Pick<Endpoint<never>, 'method' | 'path' | 'heeds'>;

export interface Found<A> {
  endpoint: A;
  /** The parts of the path by their names. */
  values: Record<string, string>;
}

/** A slash at the end counts for nothing. */
const partsOf = (path: string): number => {
  let parts = 0;
  for (let at = 0; at < path.length - 1; at++) if (path.charCodeAt(at) === SLASH) parts++;
  return parts;
};
const SLASH = 0x2f;

/** @returns what looks up the endpoints of an address, in the order in which they are declared */
export const createAddresses = <A extends Pick<Address, 'path'>>(endpoints: readonly A[]) => {
  /** By how many parts a path has, so that few are compared. */
  const byParts = new Map<number, { endpoint: A; pattern: RegExp }[]>();
  for (const endpoint of endpoints) {
    const pattern = new RegExp(`^${endpoint.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}/?$`);
    const parts = partsOf(endpoint.path);
    byParts.set(parts, [...(byParts.get(parts) ?? []), { endpoint, pattern }]);
  }
  return (path: string): Found<A>[] => {
    const found: Found<A>[] = [];
    for (const { endpoint, pattern } of byParts.get(partsOf(path)) ?? []) {
      const match = pattern.exec(path);
      if (match !== null) found.push({ endpoint, values: match.groups ?? {} });
    }
    return found;
  };
};

/** Does the key reach what the address names? Whether it is there is another question. */
const isReached = (identity: Identity | undefined, { endpoint, values }: Found<Address>): boolean => {
  if (identity === undefined) return !endpoint.path.startsWith('/v1');
  const { tenant, application } = values;
  if (tenant === undefined) return true;
  if (application === undefined && identity.application !== undefined) return false;
  return reaches(identity, { tenant, ...(application !== undefined && { application }) });
};

/**
 * A key promises that a repetition does nothing twice; where nobody keeps that promise, it is refused rather than ignored.
 * PUT, DELETE and GET may be repeated without one (RFC 9110 9.2.2).
 */
export const refuseUnheededKey = (endpoints: readonly Address[]): RequestHandler => {
  const at = createAddresses(endpoints);
  return (request, _response, next) => {
    const isGiven = request.headers['idempotency-key'] !== undefined;
    if (!isGiven || (request.method !== 'POST' && request.method !== 'PATCH')) return next();
    const found = at(`${request.baseUrl}${request.path}`).find(
      ({ endpoint }) => endpoint.method.toUpperCase() === request.method,
    );
    if (found !== undefined && found.endpoint.heeds?.includes('Idempotency-Key') !== true) {
      throw problemAt(
        'idempotency-key-not-supported',
        ['Idempotency-Key'],
        'is not heeded here, so a repetition would act twice: leave the header out (it holds for emails, batches and resend)',
      );
    }
    next();
  };
};

/** Nothing answered. @throws Problem `method-not-allowed` where the address has other methods, else `not-found` */
export const unknownAddress = (endpoints: readonly Address[]): RequestHandler => {
  const at = createAddresses<Address>([...endpoints, ...ASKED.map((path) => ({ method: 'get' as const, path }))]);
  return (request, response) => {
    const identity = identityOf(response) as Identity | undefined;
    const methods = at(request.path)
      .filter((found) => isReached(identity, found))
      .map(({ endpoint }) => endpoint.method.toUpperCase())
      .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    if (methods.length === 0 || methods.includes(request.method)) throw notFound(`${request.method} ${request.path}`);
    const allowed = [...new Set(methods)].join(', ');
    response.set('Allow', allowed);
    throw new Problem('method-not-allowed', `${request.method} is not possible here: this address has ${allowed}`);
  };
};
