// What mail is taken with: the registries that say who may, and the intake that keeps it.
import { openContentStore, spoolFolder } from '../../libs/content/open-store';
import type { ContentStore } from '../../libs/content/store';
import { createAudit } from '../../libs/events/audit';
import { createMailLog } from '../../libs/events/mail-log';
import { createAccept } from '../../libs/intake/accept';
import { createBudget } from '../../libs/intake/budget';
import { createEnqueue } from '../../libs/intake/enqueue';
import { createQueues } from '../../libs/jobs/layout/queues';
import { createSchedule } from '../../libs/jobs/layout/schedule';
import { createTemplating } from '../../libs/render/templating';
import { uptime } from '../../libs/runtime/clock';
import type { Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createContentRefs } from '../../libs/store/contents/content-refs';
import { createCredentials } from '../../libs/store/limits/credentials';
import { createMemory } from '../../libs/store/limits/memory';
import type { Durably } from '../../libs/store/durability/durability';
import type { Redis } from '../../libs/store/redis/redis';
import { createRedisClock, tellClockSkew } from '../../libs/store/redis/redis-clock';
import type { Changes } from '../../libs/store/redis/settings-cache';
import type { Metrics } from '../../libs/runtime/telemetry/metrics';
import { countAccepted } from '../../libs/runtime/telemetry/queue-labels';
import { createListening } from '../../libs/store/registries/listening';
import { createTemplates } from '../../libs/store/registries/templates';
import { createTenants } from '../../libs/store/registries/tenants';
import { createTransportLookup } from '../../libs/store/registries/transports';
import { createTagCheck, publishedTagKeys } from '../../libs/store/reports/tag-keys';
import { createSuppressions } from '../../libs/store/suppressions/registry';
import type { SmtpConfig } from './config';

/** Threads that compare data with the schema of a template: few messages have any. */
const THREADS = 2;

/** Opens it, and tells where it cannot be used: like Redis it may come later. */
const openContent = (config: SmtpConfig, log: Log): ContentStore => {
  const content = openContentStore(config);
  void content.problems().then((problems) => {
    for (const { text } of problems) log.error({ problem: text }, 'contents cannot be kept or read now');
  });
  return content;
};

/**
 * It holds neither the operator's key nor those that unseal passwords: whoever breaks in through this door finds neither.
 */
export const openRooms = (
  {
    config,
    log,
    metrics,
    lifecycle,
    durably,
  }: { config: SmtpConfig; log: Log; metrics: Metrics; lifecycle: Lifecycle; durably: Durably },
  redis: Redis,
  changes: Changes,
) => {
  const clock = createRedisClock({ redis, log });
  lifecycle.add({ name: 'clock', stop: () => clock.stop() });
  tellClockSkew(metrics, clock);
  const listening = createListening({ redis, changes, clock });
  const tenants = createTenants({ redis, changes, clock, listening, retries: config.retries });
  const templates = createTemplates({ redis, changes, clock });
  const templating = createTemplating({ templates, threads: THREADS, trusted: false, now: uptime });
  lifecycle.add({ name: 'render threads', stop: () => templating.close() });
  const refs = createContentRefs({ redis, clock });
  const budget = createBudget({
    redis,
    tenants,
    refs,
    memory: createMemory(redis, config.memoryShare),
    bounds: config.bounds,
  });
  const content = openContent(config, log);
  const mailLog = createMailLog(log);
  const shared = { redis, clock, tenants, templates, templating, content, refs, budget, mailLog };
  const queues = createQueues({ redis, waits: false, tells: config.bullmqEvents === true, listened: listening.isOn });
  return {
    ...shared,
    queues,
    suppressions: createSuppressions({ redis, changes, erased: undefined }),
    audit: createAudit({ redis, clock }),
    checkTag: createTagCheck({ redis, keysNow: publishedTagKeys(redis, uptime) }),
    ...createCredentials({ redis, changes, clock, tenants }),
    spool: spoolFolder(config),
    accept: createAccept({
      ...shared,
      durably,
      name: config.name,
      transports: { get: createTransportLookup({ redis, changes }) },
      queues,
      onAccepted: countAccepted(metrics, config.metricsTenants === true),
      enqueue: createEnqueue({ redis, schedule: createSchedule(redis) }),
    }),
  };
};
