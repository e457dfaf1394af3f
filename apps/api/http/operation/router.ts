// Makes a router of declared operations: checks who asks and what, lets the handler answer, and sends it.
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { IdempotencyKey } from '../../../../libs/intake/batch-lines';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import { identityOf, param, permit, signatureOf, type PermitDeps } from '../auth';
import { parseIfMatch } from '../if-match';
import { parseQuery } from '../input';
import type { Answer, Operation } from './operation';

/** Sends what a handler answered. */
export const sendAnswer = async (response: Response, { status = 200, headers = {}, body, write }: Answer) => {
  response.status(status).set(headers);
  if (write !== undefined) await write(response);
  else if (body === undefined) response.end();
  else response.json(body);
};

const askedOf = async (deps: PermitDeps, operation: Operation<never>, request: Request, response: Response) => {
  const identity = identityOf(response);
  const address = { tenant: param(request, 'tenant'), application: param(request, 'application') };
  await permit(deps, identity, operation.may, address);
  const { heeds = [], query, body } = operation;
  const heeded = (name: (typeof heeds)[number]): string | undefined =>
    heeds.includes(name) ? request.get(name) : undefined;
  const key = heeded('Idempotency-Key');
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
 * @param bodies what reads JSON, for all operations but those that read a stream themselves
 */
export const operationRouter = <D>(
  operations: readonly Operation<D>[],
  deps: D,
  who: PermitDeps,
  bodies: RequestHandler[],
): Router => {
  const router = Router({ caseSensitive: true });
  for (const operation of operations) {
    const handle: RequestHandler = async (request, response) => {
      await sendAnswer(response, await operation.handle(deps, await askedOf(who, operation, request, response)));
    };
    const before = operation.body?.stream === true ? [] : bodies;
    router[operation.method](expressPath(operation.path), ...before, handle);
  }
  return router;
};
