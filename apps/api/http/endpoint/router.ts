// Makes a router of declared endpoints: checks who asks and what, lets the handler answer, and sends it.
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { IdempotencyKey } from '../../../../libs/intake/batch-lines';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { identityOf, param, permit, signatureOf, type PermitDeps } from '../auth';
import { parseIfMatch } from '../if-match';
import { parseQuery } from '../input';
import { badCursor } from '../page';
import type { Answer, Endpoint } from './endpoint';

/** Sends what a handler answered. JSON goes out by itself: express would look for charsets and fresh copies of each answer. */
export const sendAnswer = async (response: Response, { status = 200, headers = {}, body, write }: Answer) => {
  response.statusCode = status;
  for (const name in headers) response.setHeader(name, headers[name as keyof typeof headers] ?? '');
  if (write !== undefined) return write(response);
  if (body === undefined) return void response.end();
  const text = Buffer.from(JSON.stringify(body));
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', text.length);
  response.end(text);
};

const askedOf = async (deps: PermitDeps, endpoint: Endpoint<never>, request: Request, response: Response) => {
  const identity = identityOf(response);
  const address = { tenant: param(request, 'tenant'), application: param(request, 'application') };
  await permit(deps, identity, endpoint.may, address);
  const { heeds = [], query, body } = endpoint;
  const heeded = (name: (typeof heeds)[number]): string | undefined =>
    heeds.includes(name) ? request.get(name) : undefined;
  const key = heeded('Idempotency-Key');
  // A list without pages gives none.
  if (query === undefined && request.query['cursor'] !== undefined) throw badCursor();
  return {
    address,
    tenant: address.tenant,
    identity,
    by: signatureOf(identity),
    params: request.params as Record<string, string>,
    ifMatch: parseIfMatch(heeded('If-Match')),
    query: (query && parseQuery(query, request)) as never,
    body: body?.read(request) as never,
    idempotencyKey: key === undefined ? undefined : parseInput(IdempotencyKey, key, ['Idempotency-Key']),
    request,
  };
};

/** `/v1/tenants/{tenant}` as express writes it. */
const expressPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

/**
 * @param deps what handlers work with
 * @param who what permissions are checked by
 * @param requireMemory asks whether there is room, for endpoints that always need some; @throws Problem
 * @param bodies what reads JSON, for all endpoints but those that read a stream themselves
 */
export const endpointRouter = <D>(
  endpoints: readonly Endpoint<D>[],
  deps: D,
  who: PermitDeps,
  requireMemory: () => Promise<void>,
  bodies: RequestHandler[],
): Router => {
  const router = Router({ caseSensitive: true });
  for (const endpoint of endpoints) {
    const handle: RequestHandler = async (request, response) => {
      const asked = await askedOf(who, endpoint, request, response);
      if (endpoint.grows === 'always') await requireMemory();
      await sendAnswer(response, await endpoint.handle(deps, asked));
    };
    // What a GET carries means nothing (RFC 9110 9.3.1): it is not even read as JSON.
    const readsJson = endpoint.method !== 'get' && endpoint.body?.stream !== true;
    const before = readsJson ? bodies : [];
    router[endpoint.method](expressPath(endpoint.path), ...before, handle);
  }
  return router;
};
