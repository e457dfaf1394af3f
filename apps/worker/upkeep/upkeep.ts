// What has to be done now and then, by one worker of the whole installation at a time (libs/store/redis/leader.ts).
import { EPOCH_MS } from '../../../libs/events/epoch/epoch';
import { advanceEpoch } from '../../../libs/events/epoch/watch-epoch';
import { createAudit } from '../../../libs/events/audit';
import type { Schedule } from '../../../libs/jobs/layout/schedule';
import { createFindForgotten } from '../../../libs/jobs/repair/forgotten';
import { dropIdleCopies } from '../../../libs/jobs/traces/archive-copy';
import { dropIdleCauses } from '../../../libs/jobs/traces/cause-index';
import { createReconcile } from '../../../libs/jobs/repair/reconcile';
import { declareWhole, tidyWhereabouts } from '../../../libs/jobs/repair/repair-whereabouts';
import type { Lifecycle } from '../../../libs/runtime/lifecycle';
import { runAsLeader } from '../../../libs/store/redis/leader';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import type { createResealAll } from '../../../libs/store/registries/reseal';
import type { createTagKeys } from '../../../libs/store/reports/tag-keys';
import type { RedisClock } from '../../../libs/store/redis/redis-clock';
import type { Listening } from '../../../libs/store/registries/listening';
import type { Tenants } from '../../../libs/store/registries/tenants';
import type { Changes } from '../../../libs/store/redis/settings-cache';
import type { Webhooks } from '../../../libs/store/webhooks/registry';
import type { ContentStore } from '../../../libs/content/store';
import type { Installation } from '../../../libs/store/registries/installation';
import { createRelay } from '../../../libs/events/relay';
import { createTellWebhooks } from '../../../libs/events/webhooks/tell-webhooks';
import type { Fetcher } from '../../../libs/fetch/fetcher';
import { createHandCopies, type HandCopiesDeps } from '../copies/hand-copies';
import { createReadMailboxes, type ReadMailboxesDeps } from '../mailboxes/read-mailboxes';
import { createReconcileAll } from './reconcile-all';
import { resealAndTell } from './reseal-and-tell';
import { createSweep, type SweepDeps } from './sweep';

/** How often emails whose time is over are looked for. */
const SWEEP_MS = 2_000;
/** How often every queue is asked whether it has work that nobody announced. */
const FORGOTTEN_MS = 15_000;
/** How often every queue is compared with itself. */
const RECONCILE_MS = 15 * 60_000;
/** How often it is looked whether events are to be moved, while nobody listens, and told, while there are no webhooks; and for copies, while
 * none wait. */
const RELAY_MS = 2_000;
/** Whoever listens does not wait long for a relay whose worker was killed. */
const RELAY_LEASE_MS = 4_000;
/** How often it is looked, at the longest, whether a mailbox is to be read. */
const MAILBOXES_MS = 60_000;
/** How often secrets are looked for that are sealed with an older key. */
const RESEAL_MS = 60_000;

interface UpkeepDeps extends SweepDeps, HandCopiesDeps {
  bounceMailboxes: ReadMailboxesDeps;
  clock: RedisClock;
  schedule: Schedule;
  tenants: Tenants;
  replica: string;
  changes: Changes;
  listening: Listening;
  webhooks: Webhooks;
  fetcher: Fetcher;
  content: ContentStore;
  installation: Installation;
  lifecycle: Lifecycle;
  secrets: SecretBox;
  resealAll: ReturnType<typeof createResealAll>;
  tagKeys: ReturnType<typeof createTagKeys>;
}

/** Tells of queues that had work which nobody announced. */
const createForgotten = (deps: UpkeepDeps): ((signal: AbortSignal) => Promise<void>) => {
  const { log, tenants } = deps;
  const findForgotten = createFindForgotten({
    ...deps,
    isEnabled: async ({ tenant }) => {
      const found = await tenants.tenant(tenant);
      return found !== undefined && found.settings.enabled !== false;
    },
  });
  return async (signal) => {
    const queues = await findForgotten(signal);
    if (queues.length > 0)
      log.warn({ queues: queues.slice(0, 20), count: queues.length }, 'work that nobody announced');
  };
};

export const startUpkeep = (deps: UpkeepDeps): void => {
  const { redis, clock, log, replica, bounceMailboxes: mailboxes } = deps;
  const sweep = createSweep(deps);
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
    { name: 'forgotten', every: FORGOTTEN_MS, run: createForgotten(deps) },
    {
      name: 'relay',
      every: RELAY_MS,
      lease: RELAY_LEASE_MS,
      run: createRelay({ redis, clock, listening: deps.listening }),
    },
    { name: 'webhooks', every: RELAY_MS, lease: RELAY_LEASE_MS, run: createTellWebhooks(deps) },
    { name: 'copies', every: RELAY_MS, lease: RELAY_LEASE_MS, run: createHandCopies(deps) },
    {
      name: 'epoch',
      every: EPOCH_MS,
      run: (signal: AbortSignal) => advanceEpoch({ ...deps, audit: createAudit(deps) }, signal),
    },
    { name: 'reseal', every: RESEAL_MS, run: resealAndTell(deps) },
    // Each is read when its own time has come; asked for by a person, it is read at the next look.
    {
      name: 'bounce-mailboxes',
      every: Math.min(mailboxes.mailboxEvery, MAILBOXES_MS),
      run: createReadMailboxes(mailboxes),
    },
    {
      name: 'reconcile',
      every: RECONCILE_MS,
      run: createReconcileAll({
        ...deps,
        reconcile: createReconcile({ ...deps, now: clock.now }),
        async afterAll(signal) {
          await declareWhole(redis);
          await tidyWhereabouts(redis, clock.now(), signal);
          const now = await clock.ask();
          await dropIdleCauses(redis, now);
          await dropIdleCopies(redis, now);
        },
      }),
    },
  ];
  for (const duty of duties) {
    const failed = (error: unknown): void => log.error({ error, name: duty.name }, 'upkeep failed; it runs again');
    deps.lifecycle.add({ name: duty.name, stop: runAsLeader({ redis, replica, failed, ...duty }) });
  }
};
