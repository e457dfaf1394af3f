// What the API reads and writes in Redis beside the emails themselves.
import type { Clock } from '../../libs/runtime/clock';
import { createAudit } from '../../libs/events/audit';
import { createBreakers } from '../../libs/store/limits/breaker';
import { type Changes } from '../../libs/store/redis/settings-cache';
import { createContentRefs } from '../../libs/store/contents/content-refs';
import { createListening } from '../../libs/store/registries/listening';
import { createInstallation } from '../../libs/store/registries/installation';
import { type Redis } from '../../libs/store/redis/redis';
import { createSecretBox } from '../../libs/store/redis/secret-box';
import { createSessions } from '../../libs/store/registries/sessions';
import { createSigningSecrets } from '../../libs/store/registries/signing-secrets';
import { createTemplates } from '../../libs/store/registries/templates';
import { createTenants } from '../../libs/store/registries/tenants';
import { createTransports } from '../../libs/store/registries/transports';
import { createWorkers } from '../../libs/store/registries/workers';
import { createErasedSuppressions } from '../../libs/store/suppressions/erased';
import { createSuppressions } from '../../libs/store/suppressions/registry';
import { createMailboxStates } from '../../libs/store/reports/mailbox-states';
import { createTagCheck, ownTagKeys } from '../../libs/store/reports/tag-keys';
import { createDeliveries } from '../../libs/store/webhooks/deliveries';
import { createWebhooks } from '../../libs/store/webhooks/registry';
import { createCredentials } from './http/credentials';
import type { ApiConfig } from './config';

/** What is kept in Redis beside the emails themselves. */
export const openRegistries = (ground: { config: ApiConfig; redis: Redis; clock: Clock; changes: Changes }) => {
  const { config, redis, clock, changes } = ground;
  const secrets = createSecretBox(config.secretKeys);
  const erasedSuppressions = createErasedSuppressions({ redis, changes, secrets });
  const listening = createListening({ redis, changes, clock });
  const tenants = createTenants({ redis, changes, clock, listening, retries: config.retries });
  return {
    installation: createInstallation({ redis, changes, clock }),
    tenants,
    transports: createTransports({ redis, changes, clock, secrets }),
    secrets,
    breakers: createBreakers({ redis, clock, replica: 'api', listening }),
    listening,
    webhooks: createWebhooks({ redis, changes, clock, secrets, listening }),
    deliveries: createDeliveries({ redis }),
    erasedSuppressions,
    suppressions: createSuppressions({ redis, changes, erased: erasedSuppressions }),
    checkTag: createTagCheck({ redis, keysNow: ownTagKeys(secrets) }),
    mailboxStates: createMailboxStates({ redis }),
    workers: createWorkers(redis),
    templates: createTemplates({ redis, changes, clock }),
    sessions: createSessions({ redis, clock }),
    ...createCredentials({ redis, changes, clock, tenants, operatorKey: config.operatorKey }),
    signingSecrets: createSigningSecrets({ redis, changes, secrets, clock }),
    refs: createContentRefs({ redis, clock }),
    audit: createAudit({ redis, clock }),
  };
};
