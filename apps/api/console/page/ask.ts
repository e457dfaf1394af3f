// The console asks the API's own endpoints, in this process: one declaration says who may, what is valid and what is answered.
import type { Request } from 'express';
import { IdempotencyKey } from '../../../../libs/intake/batch-lines';
import { notFound } from '../../../../libs/mail/input/problem';
import { unfoldMembers } from '../../../../libs/mail/input/members';
import { parseInput } from '../../../../libs/mail/input/parse-input';
import type { Identity } from '../../../../libs/mail/settings/api-key';
import { signatureOf } from '../../../../libs/mail/settings/api-key';
import { permit, type PermitDeps } from '../../http/auth';
import { parseIfMatch } from '../../http/if-match';
import type { Answer, AnyAsked, Endpoint, Method } from '../../http/endpoint/endpoint';
import type { Ask, Given } from './page';

/** A request as a handler of the API expects it: with this method and body. */
const requestWith = (request: Request, method: Method, body: unknown): Request =>
  Object.create(request, {
    method: { value: method.toUpperCase() },
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
      const made = requestWith(request, endpoint.method, body);
      const asked = {
        address,
        tenant: address.tenant,
        identity,
        by: signatureOf(identity),
        params,
        query: endpoint.query && parseInput(endpoint.query, unfoldMembers(given(query), 'metadata')),
        body: endpoint.body?.read(made),
        ifMatch: parseIfMatch(ifMatch),
        idempotencyKey: idempotencyKey === undefined ? undefined : parseInput(IdempotencyKey, idempotencyKey),
        request: made,
      };
      if (endpoint.grows === 'always') await requireMemory();
      return endpoint.handle(deps, asked as unknown as AnyAsked);
    };
    return Object.assign(async <T>(id: string, what?: Given) => (await answer(id, what)).body as T, { answer });
  };
};
