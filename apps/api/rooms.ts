// What routes work with, in one object.
import type { ContentStore } from '../../libs/content/store';
import type { Audit } from '../../libs/events/audit';
import type { Fetcher } from '../../libs/fetch/fetcher';
import type { Due } from '../../libs/queue/due';
import type { Orders } from '../../libs/queue/internal-jobs';
import type { Queues } from '../../libs/queue/queues';
import type { Removal } from '../../libs/queue/removal';
import type { Renderer } from '../../libs/render/render';
import type { Templating } from '../../libs/render/templates';
import type { Clock } from '../../libs/runtime/clock';
import type { ApiKeys } from '../../libs/store/api-keys';
import type { Breakers } from '../../libs/store/breaker';
import type { ContentRefs } from '../../libs/store/content-refs';
import type { Redis } from '../../libs/store/redis';
import type { SigningSecretStore } from '../../libs/store/signing-secrets';
import type { Templates } from '../../libs/store/templates';
import type { Tenants } from '../../libs/store/tenants';
import type { Limits } from '../../libs/store/transport-limits';
import type { Transports } from '../../libs/store/transports';
import type { Accept } from './accept';
import type { Guard } from './auth';
import type { ApiConfig } from './config';

export interface Rooms {
  config: ApiConfig;
  clock: Clock;
  redis: Redis;
  tenants: Tenants;
  transports: Transports;
  breakers: Breakers;
  limits: Limits;
  templates: Templates;
  templating: Templating;
  keys: ApiKeys;
  content: ContentStore;
  fetcher: Fetcher;
  signingSecrets: SigningSecretStore;
  refs: ContentRefs;
  queues: Queues;
  removal: Removal;
  due: Due;
  orders: Orders;
  renderer: Renderer;
  accept: Accept;
  guard: Guard;
  audit: Audit;
}
