// Looks through every queue of the installation for what should not be, and says what was found.
import { queueName } from '../../../libs/mail/address/queue-address';
import type { Redis } from '../../../libs/store/redis/redis';
import { announceStanding } from '../../../libs/store/redis/standing-index';
import { NOTHING_FOUND, type Findings } from '../../../libs/jobs/repair/reconcile';
import type { EmailQueue, Queues } from '../../../libs/jobs/layout/queues';
import type { Log } from '../../../libs/runtime/log';
import type { Tenants } from '../../../libs/store/registries/tenants';

export const createReconcileAll =
  (deps: {
    redis: Redis;
    tenants: Tenants;
    queues: Queues;
    log: Log;
    reconcile: (queue: EmailQueue) => Promise<Findings>;
    /** Called when every queue has been looked through. */
    afterAll: (signal: AbortSignal) => Promise<void>;
  }) =>
  async (signal: AbortSignal): Promise<Findings> => {
    const total: Findings = { ...NOTHING_FOUND };
    for (const { tenant } of await deps.tenants.list()) {
      for (const registered of await deps.tenants.queues(tenant)) {
        if (signal.aborted) return total;
        if (registered.settings.enabled === false) await announceStanding(deps.redis, 'paused', queueName(registered));
        const found = await deps.reconcile(deps.queues.open(registered));
        for (const name of Object.keys(total) as (keyof Findings)[]) total[name] += found[name];
      }
    }
    await deps.afterAll(signal);
    const wrong = Object.values(total).some((count) => count > 0);
    if (wrong) deps.log.warn(total, 'reconciled: found and mended');
    return total;
  };
