// The console asks the API's own endpoints, in this process: one declaration says who may, what is valid and what is answered.
import type { Request } from 'express';
import { IdempotencyKey } from '../../../../libs/intake/batch-lines';
import { notFound } from '../../../../libs/mail/input/problem';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import type { Identity } from '../../../../libs/mail/settings/api-key';
import { permit, signatureOf, type PermitDeps } from '../../http/auth';
import { parseIfMatch } from '../../http/if-match';
import type { Answer, AnyAsked, Endpoint } from '../../http/endpoint/endpoint';
import type { Ask, Given } from './page';

/** A request as a handler of the API expects it, with this body. */
const requestWith = (request: Request, body: unknown): Request =>
  Object.create(request, {
    body: { value: body },
    headers: { value: { ...request.headers, 'content-type': 'application/json' } },
  }) as Request;

const given = (query: Record<string, string | undefined> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : [])));

/**
 * @param requireMemory asks whether there is room, for endpoints that always need some; @throws Problem
 * @returns what asks on behalf of somebody
 */
export const createAsk = <D>(
  endpoints: readonly Endpoint<D>[],
  deps: D,
  who: PermitDeps,
  requireMemory: () => Promise<void>,
) => {
  const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  return (identity: Identity, request: Request): Ask => {
    const answer = async (
      id: string,
      { params = {}, query, body, ifMatch, idempotencyKey }: Given = {},
    ): Promise<Answer> => {
      const endpoint = byId.get(id);
      if (endpoint === undefined) throw notFound(`the operation ${id}`);
      const address = { tenant: params['tenant'] ?? '', application: params['application'] ?? '' };
      await permit(who, identity, endpoint.may, address);
      const asked = {
        address,
        tenant: address.tenant,
        identity,
        by: signatureOf(identity),
        params,
        query: endpoint.query && parseInput(endpoint.query, given(query)),
        body: endpoint.body?.read(requestWith(request, body)),
        ifMatch: parseIfMatch(ifMatch),
        idempotencyKey: idempotencyKey === undefined ? undefined : parseInput(IdempotencyKey, idempotencyKey),
        request,
      };
      if (endpoint.grows === 'always') await requireMemory();
      return endpoint.handle(deps, asked as unknown as AnyAsked);
    };
    return Object.assign(async <T>(id: string, what?: Given) => (await answer(id, what)).body as T, { answer });
  };
};
