// Makes a router of declared endpoints: checks who asks and what, lets the handler answer, and sends it.
import type { Request, RequestHandler, Response } from 'express';
import { IdempotencyKey } from '../../../../libs/intake/batch-lines';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { Problem } from '../../../../libs/mail/input/problem';
import { signatureOf } from '../../../../libs/mail/settings/api-key';
import { identityOf, param, permit, type PermitDeps } from '../auth';
import { parseIfMatch } from '../if-match';
import { inSequence } from './in-sequence';
import { parseQuery } from '../input';
import { badCursor } from '../page';
import { traceRequest } from '../../../../libs/runtime/telemetry/tracing';
import { createAddresses } from './addresses';
import { hasLines } from './body';
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

/** The parts of a path as they were meant. @throws Problem `bad-request` for what is no UTF-8 in percent-encoding */
const decoded = (values: Record<string, string>): Record<string, string> => {
  const params: Record<string, string> = {};
  for (const name in values) {
    const value = values[name] ?? '';
    try {
      params[name] = value.includes('%') ? decodeURIComponent(value) : value;
    } catch {
      throw new Problem(
        'bad-request',
        'the path of the address is not percent-encoded UTF-8 (RFC 3986 2.5): write a percent sign as %25, other characters by their bytes in UTF-8',
      );
    }
  }
  return params;
};

/** What a client is told in a problem is no error of ours. */
const isFault = (error: unknown): boolean => !(error instanceof Problem);

/**
 * @param deps what handlers work with
 * @param who what permissions are checked by
 * @param requireMemory asks whether there is room, for endpoints that always need some; @throws Problem
 * @param readJson reads a body as JSON, for all endpoints but those that read a stream themselves
 */
export const endpointRouter = <D>(
  endpoints: readonly Endpoint<D>[],
  deps: D,
  who: PermitDeps,
  requireMemory: () => Promise<void>,
  readJson: RequestHandler,
): RequestHandler => {
  const at = createAddresses(
    endpoints.map((endpoint) => {
      const answer = async (request: Request, response: Response): Promise<void> => {
        const asked = await askedOf(who, endpoint, request, response);
        if (endpoint.grows === 'always') await requireMemory();
        await sendAnswer(response, await endpoint.handle(deps, asked));
      };
      const handle: RequestHandler = (request, response) =>
        traceRequest(endpoint.id, request.headers, () => answer(request, response), isFault);
      // What a GET carries means nothing (RFC 9110 9.3.1): it is not even read as JSON.
      const readsJson = endpoint.method !== 'get' && endpoint.body?.stream !== true;
      const whole = readsJson ? inSequence(readJson, handle) : handle;
      const run: RequestHandler =
        endpoint.body?.lines === true
          ? (request, response, next) =>
              hasLines(request) ? inSequence(handle)(request, response, next) : whole(request, response, next)
          : whole;
      const { id, path, method } = endpoint;
      return { id, path, method, run };
    }),
  );
  return (request, response, next) => {
    const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase();
    const found = at(request.path).find(({ endpoint }) => endpoint.method === method);
    if (found === undefined) return next();
    response.locals['operation'] = found.endpoint.id;
    request.params = decoded(found.values);
    return found.endpoint.run(request, response, next);
  };
};
