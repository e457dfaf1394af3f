// What has to be done now and then, by one worker of the whole installation at a time (libs/store/redis/leader.ts).
import type { Schedule } from '../../../libs/jobs/layout/schedule';
import { createFindForgotten } from '../../../libs/jobs/repair/forgotten';
import { createReconcile } from '../../../libs/jobs/repair/reconcile';
import type { Lifecycle } from '../../../libs/runtime/lifecycle';
import { runAsLeader } from '../../../libs/store/redis/leader';
import type { RedisClock } from '../../../libs/store/redis/redis-clock';
import type { Tenants } from '../../../libs/store/registries/tenants';
import { createReconcileAll } from './reconcile-all';
import { createSweep, type SweepDeps } from './sweep';

/** How often emails whose time is over are looked for. */
const SWEEP_MS = 2_000;
/** How often every queue is asked whether it has work that nobody announced. */
const FORGOTTEN_MS = 15_000;
/** How often every queue is compared with itself. */
const RECONCILE_MS = 15 * 60_000;

export const startUpkeep = (
  deps: SweepDeps & { clock: RedisClock; schedule: Schedule; tenants: Tenants; replica: string; lifecycle: Lifecycle },
): void => {
  const { redis, clock, log, replica, tenants } = deps;
  const sweep = createSweep(deps);
  const reconcile = createReconcile({ ...deps, now: clock.now });
  const findForgotten = createFindForgotten({
    ...deps,
    isEnabled: async ({ tenant }) => {
      const found = await tenants.tenant(tenant);
      return found !== undefined && found.settings.enabled !== false;
    },
  });
  const duties = [
    {
      name: 'sweep',
      every: SWEEP_MS,
      async run() {
        // Nothing expires and nothing is removed by what this process believes of the time.
        await clock.ask();
        await sweep();
      },
    },
    {
      name: 'forgotten',
      every: FORGOTTEN_MS,
      async run(signal: AbortSignal) {
        const queues = await findForgotten(signal);
        if (queues.length > 0)
          log.warn({ queues: queues.slice(0, 20), count: queues.length }, 'work that nobody announced');
      },
    },
    { name: 'reconcile', every: RECONCILE_MS, run: createReconcileAll({ ...deps, reconcile }) },
  ];
  for (const duty of duties) {
    const failed = (error: unknown): void => log.error({ error, name: duty.name }, 'upkeep failed; it runs again');
    deps.lifecycle.add({ name: duty.name, stop: runAsLeader({ redis, replica, failed, ...duty }) });
  }
};
