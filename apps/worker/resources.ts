// What a worker's work is done with, opened once: registries, stores, queues, sources, render threads.
import { leftoverFolders, openContentStore, spoolFolder } from '../../libs/content/open-store';
import { clearSpool } from '../../libs/content/spool';
import { createFetcher, type Fetcher } from '../../libs/fetch/fetcher';
import { createSchedule } from '../../libs/jobs/layout/schedule';
import { createEmailSeals } from '../../libs/jobs/repair/reseal-emails';
import { createErase } from '../../libs/jobs/layout/erase';
import { createQueues } from '../../libs/jobs/layout/queues';
import { createAccessTokens } from '../../libs/oauth/access-tokens';
import { createTokenRecords } from '../../libs/oauth/token-records';
import { requestToken } from '../../libs/oauth/token-endpoint';
import { createRenderer } from '../../libs/render/render';
import { createTemplating } from '../../libs/render/templating';
import { uptime } from '../../libs/runtime/clock';
import type { Lifecycle } from '../../libs/runtime/lifecycle';
import type { Log } from '../../libs/runtime/log';
import { createChanges } from '../../libs/store/redis/settings-cache';
import { untilDone, type Start } from '../../libs/store/redis/check-redis';
import { createContentRefs } from '../../libs/store/contents/content-refs';
import { createListening } from '../../libs/store/registries/listening';
import { createInstallation } from '../../libs/store/registries/installation';
import type { Redis } from '../../libs/store/redis/redis';
import { createRedisClock } from '../../libs/store/redis/redis-clock';
import { createSecretBox, type SecretBox } from '../../libs/store/redis/secret-box';
import { createResealAll, type SealedOwner } from '../../libs/store/registries/reseal';
import { createSigningSecrets } from '../../libs/store/registries/signing-secrets';
import { createTemplates } from '../../libs/store/registries/templates';
import { createTenants } from '../../libs/store/registries/tenants';
import { createLimits } from '../../libs/store/limits/transport-limits';
import { createTransports } from '../../libs/store/registries/transports';
import { createWorkers } from '../../libs/store/registries/workers';
import { createErasedSuppressions } from '../../libs/store/suppressions/erased';
import { createSuppressionLookup } from '../../libs/store/suppressions/registry';
import { createTagKeys, createTagMaker } from '../../libs/store/reports/tag-keys';
import { createWebhooks } from '../../libs/store/webhooks/registry';
import type { WorkerConfig } from './config';

/** No attempt takes so long: what is older in the spool belongs to a worker that is gone. */
const SPOOL_KEPT_MS = 24 * 3_600_000;

export type Resources = Awaited<ReturnType<typeof openResources>>;

const openQueues = (config: WorkerConfig, redis: Redis, listened: () => Promise<boolean>) =>
  createQueues({ redis, waits: true, tells: config.bullmqEvents === true, listened });

/** What signs and is told: secrets of tenants, listeners, webhooks. */
const openTelling = (deps: Parameters<typeof createSigningSecrets>[0]) => {
  const listening = createListening(deps);
  const webhooks = createWebhooks({ ...deps, listening });
  return { listening, webhooks, signingSecrets: createSigningSecrets(deps) };
};

/** @param owners of secrets in registries */
const openReseal = (redis: Redis, secrets: SecretBox, owners: SealedOwner[]) =>
  createResealAll({
    redis,
    secrets,
    workers: createWorkers(redis),
    owners: [...owners, createTokenRecords({ redis, secrets }), createEmailSeals({ redis, secrets })],
  });

/** Whoever checks tags of return paths has what proves them before the first one is made. */
const openTags = async (start: Start, secrets: SecretBox) => {
  const { redis } = start;
  const tagKeys = createTagKeys({ redis, secrets, workers: createWorkers(redis) });
  await untilDone(start, tagKeys.publish);
  return { tagKeys, makeTag: createTagMaker({ redis, secrets }) };
};

const openTokens = (deps: Omit<Parameters<typeof createAccessTokens>[0], 'request'>, fetcher: Fetcher) =>
  createAccessTokens({ ...deps, request: (oauth2, now) => requestToken(fetcher, oauth2, now) });

/** @param lifecycle closes again what has to be closed */
export const openResources = async (
  config: WorkerConfig,
  lifecycle: Lifecycle,
  redis: Redis,
  subscriber: Redis,
  log: Log,
) => {
  const clock = createRedisClock({ redis, log });
  lifecycle.add({ name: 'clock', stop: () => clock.stop() });
  const start = { redis, log, ended: () => lifecycle.stopping };
  await untilDone(start, async () => void (await clock.ask()));
  const changes = createChanges({ redis, subscriber });
  const secrets = createSecretBox(config.secretKeys);
  const content = openContentStore(config);
  const refs = createContentRefs({ redis, clock });
  const templates = createTemplates({ redis, changes, clock });
  const transports = createTransports({ redis, changes, clock, secrets });
  const telling = openTelling({ redis, changes, secrets, clock });
  const erased = createErasedSuppressions({ redis, changes, secrets });

  const fetcher = createFetcher({ allowPrivate: config.allowPrivate });
  lifecycle.add({ name: 'fetcher', stop: () => fetcher.close() });
  const templating = createTemplating({ templates, ...config.render, now: uptime });
  lifecycle.add({ name: 'render threads', stop: () => templating.close() });
  const limits = createLimits({ redis, clock, replica: config.replica, changes });
  lifecycle.add({ name: 'limits', stop: () => limits.stop() });
  for (const folder of leftoverFolders(config)) await clearSpool(folder, clock.now() - SPOOL_KEPT_MS);

  return {
    redis,
    clock,
    content,
    refs,
    limits,
    installation: createInstallation({ redis, changes, clock }),
    tenants: createTenants({ redis, changes, clock, retries: config.retries }),
    transports,
    suppressions: createSuppressionLookup({ redis, changes, erased }),
    erased,
    secrets,
    ...(await openTags(start, secrets)),
    resealAll: openReseal(redis, secrets, [transports, telling.signingSecrets, telling.webhooks, erased]),
    accessTokens: openTokens({ redis, clock, secrets }, fetcher),
    changes,
    ...telling,
    queues: openQueues(config, redis, telling.listening.isOn),
    schedule: createSchedule(redis),
    renderer: createRenderer({ templates, content, templating }),
    fetcher,
    spoolFolder: spoolFolder(config),
    erase: createErase({
      redis,
      clock,
      releaseContent: (address, id, ids) => refs.release(address, id, ids, content.remove),
    }),
  };
};
