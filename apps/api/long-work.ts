// What takes longer than a request: operations on many emails, and erasures.
import { createOperations } from '../../libs/internal-queues/operations';
import { createOperationGate } from '../../libs/internal-queues/operation-gate';
import { createErasureMarks } from '../../libs/store/suppressions/erasure-marks';
import { eraseAnew } from '../../libs/administration/erasure/erase-anew';
import { erasePerson } from '../../libs/administration/erasure/erase-person';
import { ERASURES, type ErasureOrder } from '../../libs/administration/erasure/erasure-order';
import { BULKS } from '../../libs/administration/bulk/bulk-progress';
import { runBulk } from '../../libs/administration/bulk/run-bulk';
import type { Commands } from '../../libs/administration/commands';
import type { Redis } from '../../libs/store/redis/redis';
import type { LongWork, RouteDeps } from './http/route-deps';

/** @param connect opens a connection that may wait */
export const openOperations = (rooms: RouteDeps, commands: Commands, connect: (name: string) => Redis): LongWork => {
  const { redis, clock, content, budget, audit, installation } = rooms;
  const operations = createOperations({
    redis,
    waiting: connect('operations'),
    clock,
    kind: BULKS,
    gate: createOperationGate(redis, installation),
    run: (order, progress, save) => runBulk(rooms, commands, order, progress, save),
  });
  const marks = createErasureMarks({ redis, content, now: clock.now });
  const erasing = { ...rooms, operations, marks };
  const erasures = createOperations({
    redis,
    waiting: connect('erasures'),
    clock,
    kind: ERASURES,
    run: (order, progress, save) => erasePerson(erasing, order, progress, save),
  });
  const goOn = async (order: ErasureOrder): Promise<void> => {
    const bound = await budget.bound(order.tenant, 'maxOperations', true);
    // Nobody asks for it anew: the tenant's bound must not keep it out.
    await erasures.add(order.id, order, order.tenant, { ...bound, most: Number.MAX_SAFE_INTEGER });
  };
  return {
    operations,
    erasures,
    async eraseAnew(asked) {
      const { unchecked } = await eraseAnew({ ...erasing, goOn }, marks, asked);
      if (unchecked === 0) return;
      const what = `${unchecked} erasures since the backup are to be asked for again: ROHRPOST_SECRET_KEYS lacks the key that they are kept with`;
      await audit.record({ by: asked.by, what });
    },
  };
};
