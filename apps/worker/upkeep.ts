// What has to be done now and then, by one worker of the whole installation at a time.
import type { Due } from '../../libs/queue/due';
import { createReconcile } from '../../libs/queue/reconcile';
import { scheduleUpkeep } from '../../libs/queue/upkeep-jobs';
import type { Lifecycle } from '../../libs/runtime/lifecycle';
import type { Redis } from '../../libs/store/redis';
import type { Tenants } from '../../libs/store/tenants';
import { createReconcileAll } from './reconcile-all';
import { createSweep, type SweepDeps } from './sweep';

/** How often emails whose time is over are looked for. */
const SWEEP_MS = 2_000;
/** How often every queue is compared with itself. */
const RECONCILE_MS = 15 * 60_000;

export const startUpkeep = async (
  deps: SweepDeps & { due: Due; tenants: Tenants; connect: (name: string) => Redis; lifecycle: Lifecycle },
): Promise<void> => {
  const { clock, log } = deps;
  const reconcile = createReconcile({ ...deps, now: clock.now });
  const duties = [
    { name: 'sweep', every: SWEEP_MS, run: createSweep(deps) },
    { name: 'reconcile', every: RECONCILE_MS, run: createReconcileAll({ ...deps, reconcile }) },
  ];
  for (const { name, every, run } of duties) {
    const failed = (error: Error): void => log.error({ error, name }, 'upkeep failed; it runs again');
    const stop = await scheduleUpkeep({ name, every, run, failed, waiting: deps.connect(name) });
    deps.lifecycle.add({ name, stop });
  }
};
