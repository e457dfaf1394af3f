// How a transport is: what stands in its way now, and what comes of trying it.
import { newOperationId } from '../../../../libs/jobs/layout/email-id';
import { OperationBegun } from '../../answers/operations';
import { TransportState, VerifyResult } from '../../answers/transports';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';
import { wakeQueues } from './tenants';
import { existingTransport, MAY_CHANGE, MAY_READ, TRANSPORT } from './transports';

const iso = (ms: number): string => new Date(ms).toISOString();

const getTransportState = endpoint({
  method: 'get',
  path: `${TRANSPORT}/state`,
  id: 'getTransportState',
  tag: 'Transports',
  summary: 'How a transport is now',
  description: 'Whether it is down, since when and in whose words, and whether its server takes fewer connections.',
  may: MAY_READ,
  answers: { 200: { description: 'Its state.', schema: TransportState } },
  async handle(deps: Pick<RouteDeps, 'transports' | 'breakers' | 'limits'>, { tenant, params: { name } }) {
    await existingTransport(deps, tenant, name);
    const [broken, lowered] = await Promise.all([deps.breakers.read(tenant, name), deps.limits.lowered(tenant, name)]);
    const down = broken && {
      since: iso(broken.since),
      ...(broken.words !== undefined && { words: broken.words }),
      nextTryAt: iso(broken.nextProbeAt),
    };
    return {
      body: {
        breaker: broken?.state ?? 'closed',
        ...(down && { down }),
        ...(lowered && { lowered: { since: iso(lowered.since), words: lowered.words } }),
      },
    };
  },
});

const verifyTransport = endpoint({
  method: 'post',
  path: `${TRANSPORT}/verify`,
  id: 'verifyTransport',
  tag: 'Transports',
  summary: 'Connect, greet and log in now',
  description:
    'A worker tries the transport at once, and nothing is sent. The answer has what was said, without credentials. One that was down and is up again is used at once. What takes longer is looked up.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: {
    200: { description: 'What came of it.', schema: VerifyResult },
    202: {
      description: 'It takes longer: its result will be in the operation that Location names.',
      schema: OperationBegun,
      headers: ['Location'],
    },
  },
  problems: ['no-worker'],
  async handle(
    deps: Pick<RouteDeps, 'transports' | 'clock' | 'orders' | 'breakers'> & Parameters<typeof wakeQueues>[0],
    { tenant, params: { name } },
  ) {
    await existingTransport(deps, tenant, name);
    const id = newOperationId(deps.clock.now());
    const result = await deps.orders.verify(id, { tenant, transport: name });
    if (result?.ok === true && (await deps.breakers.read(tenant, name)) !== undefined) {
      await deps.breakers.reset(tenant, name);
      await wakeQueues(deps, tenant);
    }
    if (result !== undefined) return { body: result };
    return { status: 202, headers: { Location: `/v1/operations/${id}` }, body: { id, state: 'running' } };
  },
});

export const TRANSPORT_TRIAL_ENDPOINTS = [getTransportState, verifyTransport];
