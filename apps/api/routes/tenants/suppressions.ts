// One suppressed address of a tenant: put, looked at, deleted.
import { existingTenant } from '../../../../libs/administration/existing';
import { changesBetween } from '../../../../libs/events/field-diff';
import { notFound, problemAt } from '../../../../libs/mail/input/problem';
import { suppressionFault, SuppressionInput, type Suppression } from '../../../../libs/mail/suppressions/suppression';
import { SuppressionDetails } from '../../answers/suppressions';
import { json } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';

export const SUPPRESSIONS = `${TENANT}/suppressions` as const;
const SUPPRESSION = `${SUPPRESSIONS}/{address}` as const;
export const MAY_READ = { action: 'read', over: 'tenant' } as const;
export const MAY_CHANGE = { action: 'administer', over: 'tenant' } as const;

type Store = Pick<RouteDeps, 'suppressions'>;

const documentOf = (suppression: Suppression | undefined): object =>
  suppression === undefined ? {} : { source: suppression.source, reason: suppression.reason };

const putSuppression = endpoint({
  method: 'put',
  path: SUPPRESSION,
  id: 'putSuppression',
  tag: 'Suppressions',
  summary: 'Suppress an address',
  description:
    'No email of the tenant goes there from the next attempt on, unless its queue has `suppressions` set to `ignore`. Replaces what was said of it before. Letters of either case are alike.',
  may: MAY_CHANGE,
  body: json(SuppressionInput),
  grows: 'sometimes',
  answers: {
    200: { description: 'It was suppressed before.', schema: SuppressionDetails },
    201: { description: 'It is suppressed.', schema: SuppressionDetails },
  },
  async handle(
    deps: Store & Pick<RouteDeps, 'tenants' | 'budget' | 'audit' | 'clock'>,
    { tenant, by, params: { address }, body: { reason } },
  ) {
    const fault = suppressionFault(address);
    if (fault !== undefined) throw problemAt('invalid', ['address'], fault);
    await existingTenant(deps, tenant);
    const at = new Date(deps.clock.now()).toISOString();
    const given: Suppression = { ...(reason !== undefined && { reason }), source: 'manual', at, by };
    const bound = await deps.budget.bound(tenant, 'maxSuppressions');
    const { before, after } = await deps.suppressions.put(tenant, address, given, bound);
    const fields = changesBetween(documentOf(before), documentOf(after));
    await deps.audit.record({ by, what: 'suppression put', tenant, target: after.address, fields });
    return { status: before === undefined ? 201 : 200, body: after };
  },
});

const getSuppression = endpoint({
  method: 'get',
  path: SUPPRESSION,
  id: 'getSuppression',
  tag: 'Suppressions',
  summary: 'Whether an address is suppressed, and why',
  description: 'Who put it on the list, when and for which reason; 404 where it is not on it.',
  may: MAY_READ,
  answers: { 200: { description: 'It is suppressed.', schema: SuppressionDetails } },
  async handle({ suppressions }: Store, { tenant, params: { address } }) {
    const found = suppressionFault(address) === undefined ? await suppressions.get(tenant, address) : undefined;
    if (found === undefined) throw notFound(`suppression ${address}`);
    return { body: found };
  },
});

const deleteSuppression = endpoint({
  method: 'delete',
  path: SUPPRESSION,
  id: 'deleteSuppression',
  tag: 'Suppressions',
  summary: 'Take an address off the list',
  description: 'Emails go there again. Those that failed meanwhile go out where somebody releases them.',
  may: MAY_CHANGE,
  answers: { 204: { description: 'It is off the list.' } },
  async handle({ suppressions, audit }: Store & Pick<RouteDeps, 'audit'>, { tenant, by, params: { address } }) {
    const removed = suppressionFault(address) === undefined ? await suppressions.remove(tenant, address) : undefined;
    if (removed === undefined) throw notFound(`suppression ${address}`);
    const fields = changesBetween(documentOf(removed), {});
    await audit.record({ by, what: 'suppression deleted', tenant, target: address, fields });
    return { status: 204 };
  },
});

export const SUPPRESSION_ENDPOINTS = [putSuppression, getSuppression, deleteSuppression];
