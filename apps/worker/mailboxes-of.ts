// What mailboxes are read with: the intake of reports, put together for a worker.
import { createAudit } from '../../libs/events/audit';
import { createMailLog } from '../../libs/events/mail-log';
import { createBudget } from '../../libs/intake/budget';
import { createAddressRule } from '../../libs/runtime/addresses';
import { uptime } from '../../libs/runtime/clock';
import type { Log } from '../../libs/runtime/log';
import { createMemory } from '../../libs/store/limits/memory';
import { createMailboxStates } from '../../libs/store/reports/mailbox-states';
import { createTagCheck, publishedTagKeys } from '../../libs/store/reports/tag-keys';
import { createSuppressions } from '../../libs/store/suppressions/registry';
import type { WorkerConfig } from './config';
import type { Resources } from './resources';
import type { ReadMailboxesDeps } from './mailboxes/read-mailboxes';

/** Where the configuration says nothing, ms. */
const EVERY_MS = 60_000;

export const mailboxesOf = (resources: Resources, config: WorkerConfig, log: Log): ReadMailboxesDeps => {
  const { redis, clock, tenants, refs } = resources;
  const memory = createMemory(redis, config.memoryShare ?? 1);
  return {
    ...resources,
    log,
    suppressions: createSuppressions(resources),
    budget: createBudget({ redis, tenants, refs, memory, bounds: config.bounds }),
    audit: createAudit({ redis, clock }),
    mailLog: createMailLog(log),
    // Those of every worker: while secret keys are changed another one may have made the tag.
    checkTag: createTagCheck({ redis, keysNow: publishedTagKeys(redis, uptime) }),
    mailboxStates: createMailboxStates({ redis }),
    mayReach: createAddressRule(config.allowPrivateSmtp),
    mailboxEvery: config.mailboxEvery ?? EVERY_MS,
  };
};
