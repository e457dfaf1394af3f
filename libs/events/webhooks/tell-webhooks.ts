// Tells webhooks of events, for as long as there are some: gives each what it wants of the stream, and posts it.
import type { Fetcher } from '../../fetch/fetcher';
import type { Clock } from '../../runtime/clock';
import type { Log } from '../../runtime/log';
import type { Redis } from '../../store/redis/redis';
import type { Changes } from '../../store/redis/settings-cache';
import type { Listening } from '../../store/registries/listening';
import { createDeliveries } from '../../store/webhooks/deliveries';
import type { Webhooks } from '../../store/webhooks/registry';
import { createAudit } from '../audit';
import { createFanOut, type TenantWebhook } from './fan-out';
import { createSender } from './sender';

/** How often news are looked for, ms. */
const NEWS_MS = 100;
/** How often it is looked which webhooks there are, where nobody says that one changed, ms. */
const LOOK_MS = 1_000;
const KEEP_ON_MS = 5 * 60_000;
const TIDY_MS = 3_600_000;

interface TellDeps {
  redis: Redis;
  changes: Changes;
  clock: Clock;
  log: Log;
  listening: Listening;
  webhooks: Webhooks;
  fetcher: Fetcher;
}

const BY = 'the service';

/** What is told to administrators, and to whoever reads the log. */
const createNotices = ({ redis, clock, log }: TellDeps) => {
  const audit = createAudit({ redis, clock });
  const notice =
    (words: string) =>
    async ({ tenant, name }: TenantWebhook, why?: string): Promise<void> => {
      log.warn({ tenant, webhook: name, ...(why !== undefined && { why }) }, words);
      await audit.record({ by: BY, what: why === undefined ? words : `${words}: ${why}`, tenant, target: name });
    };
  return {
    onSwitchedOff: notice('webhook switched off'),
    onMissed: notice('webhook missed events: too many waited for it for a day'),
  };
};

/** Those that are switched on. Tenants that have none are forgotten after a while, and so is that events are to be written for them. */
const readWebhooks = async ({ listening, webhooks }: TellDeps): Promise<TenantWebhook[]> => {
  const tenants = await listening.followed();
  const lists = await Promise.all(tenants.map((tenant) => webhooks.list(tenant)));
  await Promise.all(tenants.filter((_, index) => lists[index]?.length === 0).map((one) => listening.unfollow(one)));
  return tenants.flatMap((tenant, index) =>
    (lists[index] ?? []).filter(({ webhook }) => webhook.enabled).map((one) => ({ tenant, ...one })),
  );
};

/** @returns one run of the duty: it goes on for as long as there are webhooks */
export const createTellWebhooks = (deps: TellDeps) => {
  const { redis, changes, clock, log, listening } = deps;
  const deliveries = createDeliveries({ redis });
  const notices = createNotices(deps);
  const onFault = (error: unknown): void => log.error({ error }, 'an event could not be told; it is told again');
  const sender = createSender({ ...deps, ...notices, deliveries, onFault });
  const onAdded = ({ tenant, name }: TenantWebhook): void => sender.look(tenant, name);
  let lookAt = 0;
  changes.onChange((kind, tenant) => {
    if (kind !== 'webhook') return;
    lookAt = 0;
    sender.look(tenant);
  });

  return async (signal: AbortSignal): Promise<void> => {
    const fanOut = createFanOut({ ...deps, ...notices, deliveries, onAdded });
    let [keepAt, tidyAt] = [0, clock.now() + TIDY_MS];
    let all = await readWebhooks(deps);
    while (!signal.aborted && all.length > 0) {
      const now = clock.now();
      if (now >= lookAt) {
        lookAt = now + LOOK_MS;
        all = await readWebhooks(deps);
      }
      if (now >= keepAt) {
        await listening.keepOn();
        keepAt = now + KEEP_ON_MS;
      }
      if (now >= tidyAt) {
        for (const { tenant, name } of all) await deliveries.tidy(tenant, name, now);
        tidyAt = now + TIDY_MS;
      }
      const isMore = await fanOut(all);
      await sender.turn(all);
      if (!isMore && !signal.aborted) await sender.rest(NEWS_MS);
    }
    await sender.stop();
  };
};
