// Every trace of one person over all queues of a tenant is erased, in the background.
import { existingTenant } from '../../../../libs/administration/existing';
import { ErasureInput, sealRecipient } from '../../../../libs/administration/erasure/erasure-order';
import { newOperationId } from '../../../../libs/jobs/layout/email-id';
import { OperationBegun } from '../../answers/operations';
import { json } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { TENANT } from '../../http/endpoint/paths';
import type { LongWork, RouteDeps } from '../../http/route-deps';

type Deps = Pick<RouteDeps, 'clock' | 'audit' | 'tenants' | 'budget' | 'secrets'> & Pick<LongWork, 'erasures'>;

const erasePerson = endpoint({
  method: 'post',
  path: `${TENANT}/erasure`,
  id: 'erasePerson',
  tag: 'Tenants',
  summary: 'Erase every trace of one person',
  description:
    'Over all queues of the tenant: emails in every state, with their histories, archives and contents; what of the address stands in other emails to several, in operations and in the audit. A suppressed address stays suppressed, as a hash. Goes on by itself; what is being sent is waited for. The operation says how much went, by kind, and names nobody; asking again does no harm.',
  may: { action: 'administer', over: 'tenant' },
  body: json(ErasureInput),
  grows: 'never',
  answers: {
    202: { description: 'It has begun, and goes on by itself.', schema: OperationBegun, headers: ['Location'] },
  },
  async handle(deps: Deps, { tenant, by, body: { recipient, dryRun = false } }) {
    await existingTenant(deps, tenant);
    const id = newOperationId(deps.clock.now());
    const order = { id, tenant, sealed: sealRecipient(deps.secrets, id, recipient), dryRun, by };
    // It makes room: where Redis is nearly full, it is done all the same.
    const bound = await deps.budget.bound(tenant, 'maxOperations', true);
    await deps.erasures.add(id, order, tenant, bound);
    if (!dryRun) await deps.audit.record({ by, what: 'person erased', tenant, target: id });
    return { status: 202, headers: { Location: `/v1/operations/${id}` }, body: { id, state: 'waiting' as const } };
  },
});

export const ERASURE_ENDPOINTS = [erasePerson];
