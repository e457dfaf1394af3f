// A queue as answers show it: its settings, what it holds, and whether its transport is up.
import { readArchiveState, type ArchiveState } from '../../../libs/jobs/traces/archive-copies';
import { readStatus } from '../../../libs/jobs/read/counts';
import type { RegisteredQueue } from '../../../libs/store/registries/tenants';
import type { RouteDeps } from '../http/route-deps';
import { queueView } from './email-view';

const iso = (ms: number): string => new Date(ms).toISOString();

export type QueueViewDeps = Pick<RouteDeps, 'tenants' | 'redis' | 'queues' | 'clock' | 'refs' | 'breakers'>;

const archiveView = ({ waiting, failingSince, takenAt, error }: ArchiveState) => ({
  waiting,
  ...(failingSince !== undefined && { failingSince: iso(failingSince) }),
  ...(takenAt !== undefined && { takenAt: iso(takenAt) }),
  ...(error !== undefined && { error }),
});

export const viewOfQueue = async (deps: QueueViewDeps, registered: RegisteredQueue) => {
  const { transport } = await deps.tenants.settings(registered);
  const queue = deps.queues.open(registered);
  const [status, archiving, contentBytes, breaker] = await Promise.all([
    readStatus(deps.redis, queue, deps.clock.now()),
    readArchiveState(deps.redis, queue),
    deps.refs.bytesOf([registered]),
    deps.breakers.read(registered.tenant, transport),
  ]);
  const hasArchive = registered.settings.archiveTo !== undefined || archiving.waiting > 0;
  return {
    ...queueView(registered, status, contentBytes),
    breaker: breaker?.state ?? 'closed',
    ...(hasArchive && { archiving: archiveView(archiving) }),
  };
};
