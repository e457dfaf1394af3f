// A queue as answers show it: its settings, what it holds, and whether its transport is up.
import { readStatus } from '../../../libs/jobs/read/counts';
import type { RegisteredQueue } from '../../../libs/store/registries/tenants';
import type { RouteDeps } from '../http/route-deps';
import { queueView } from './email-view';

export type QueueViewDeps = Pick<RouteDeps, 'tenants' | 'redis' | 'queues' | 'clock' | 'refs' | 'breakers'>;

export const viewOfQueue = async (deps: QueueViewDeps, registered: RegisteredQueue) => {
  const { transport } = await deps.tenants.settings(registered);
  const [status, contentBytes, breaker] = await Promise.all([
    readStatus(deps.redis, deps.queues.open(registered), deps.clock.now()),
    deps.refs.bytesOf([registered]),
    deps.breakers.read(registered.tenant, transport),
  ]);
  return { ...queueView(registered, status, contentBytes), breaker: breaker?.state ?? 'closed' };
};
