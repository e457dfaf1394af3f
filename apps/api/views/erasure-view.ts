// How the erasure of a person is shown.
import type { ErasureOrder, ErasureProgress } from '../../../libs/administration/erasure/erasure-order';
import type { Operation } from '../../../libs/internal-queues/operations';

const iso = (ms: number): string => new Date(ms).toISOString();

/** An erasure as it is shown: it names nobody. */
export const erasureView = ({ id, state, data, ...operation }: Operation<ErasureOrder, ErasureProgress>) => {
  const { left, ...protocol } = operation.progress;
  const { createdAt, finishedAt, failedReason } = operation;
  return {
    id,
    state,
    tenant: data.tenant,
    action: 'erase-person' as const,
    dryRun: data.dryRun,
    protocol,
    left,
    createdAt: iso(createdAt),
    ...(finishedAt !== undefined && { finishedAt: iso(finishedAt) }),
    ...(failedReason && { reason: failedReason }),
  };
};
