// What routes work with, in one object.
import type { Durability } from '../../../libs/store/durability/durability';
import type { BulkOperation } from '../../../libs/administration/bulk/bulk-operation';
import type { Progress } from '../../../libs/administration/bulk/bulk-progress';
import type { ErasureOrder, ErasureProgress } from '../../../libs/administration/erasure/erasure-order';
import type { Operations } from '../../../libs/internal-queues/operations';
import type { ContentStore } from '../../../libs/content/store';
import type { Audit } from '../../../libs/events/audit';
import type { MailLog } from '../../../libs/events/mail-log';
import type { Fetcher } from '../../../libs/fetch/fetcher';
import type { Budget } from '../../../libs/intake/budget';
import type { Schedule } from '../../../libs/jobs/layout/schedule';
import type { VerifyRequests } from '../../../libs/internal-queues/verify-requests';
import type { Queues } from '../../../libs/jobs/layout/queues';
import type { RemoveEmail } from '../../../libs/jobs/transitions/remove-email';
import type { Renderer } from '../../../libs/render/render';
import type { Templating } from '../../../libs/render/templating';
import type { AddressRule } from '../../../libs/runtime/addresses';
import type { Metrics } from '../../../libs/runtime/telemetry/metrics';
import type { Clock } from '../../../libs/runtime/clock';
import type { ApiKeys } from '../../../libs/store/registries/api-keys';
import type { Breakers } from '../../../libs/store/limits/breaker';
import type { ContentRefs } from '../../../libs/store/contents/content-refs';
import type { Installation } from '../../../libs/store/registries/installation';
import type { Redis } from '../../../libs/store/redis/redis';
import type { SecretBox } from '../../../libs/store/redis/secret-box';
import type { SigningSecretStore } from '../../../libs/store/registries/signing-secrets';
import type { Sessions } from '../../../libs/store/registries/sessions';
import type { Listening } from '../../../libs/store/registries/listening';
import type { Templates } from '../../../libs/store/registries/templates';
import type { Tenants } from '../../../libs/store/registries/tenants';
import type { KeyRates } from '../../../libs/store/limits/key-rates';
import type { Limits } from '../../../libs/store/limits/transport-limits';
import type { Transports } from '../../../libs/store/registries/transports';
import type { Workers } from '../../../libs/store/registries/workers';
import type { ErasedSuppressions } from '../../../libs/store/suppressions/erased';
import type { Suppressions } from '../../../libs/store/suppressions/registry';
import type { MailboxStates } from '../../../libs/store/reports/mailbox-states';
import type { TagCheck } from '../../../libs/store/reports/tag-keys';
import type { Deliveries } from '../../../libs/store/webhooks/deliveries';
import type { Webhooks } from '../../../libs/store/webhooks/registry';
import type { Accept } from '../../../libs/intake/accept';
import type { ReadOverview } from '../../../libs/administration/overview/overview';
import type { RequestMetrics } from '../telemetry/api-metrics';
import type { Provider } from '../openid/provider';
import type { OidcConfig } from '../openid/oidc-config';
import type { EventStreams } from './event-streams';
import type { Credentials } from './credentials';

/** What takes longer than a request. */
export interface LongWork {
  operations: Operations<BulkOperation, Progress>;
  erasures: Operations<ErasureOrder, ErasureProgress>;
  /** Erases again whoever was erased since a backup was made: what is of before `before`. Times in ms since 1970. */
  eraseAnew: (asked: { since: number; before: number; by: string }) => Promise<void>;
}

export interface RouteDeps {
  config: {
    /** As it calls itself. */
    name: string;
    /** Most bytes of a body. */
    maxBody: number;
    render: { trusted: boolean };
    /** Ranges of proxies whose X-Forwarded-For is believed. */
    trustedProxies?: string[];
    /** As browsers reach the service; where it is not given, what they say counts. */
    publicUrl?: string;
    /** Where people sign in beside the keys. */
    oidc?: OidcConfig;
  };
  provider: Provider | undefined;
  durability: Pick<Durability, 'problem'>;
  clock: Clock;
  redis: Redis;
  installation: Installation;
  tenants: Tenants;
  transports: Transports;
  /** Which addresses the hosts of transports may stand for that administrators set. */
  mayReachSmtp: AddressRule;
  breakers: Breakers;
  limits: Limits;
  workers: Workers;
  templates: Templates;
  templating: Templating;
  keys: ApiKeys;
  sessions: Sessions;
  credentials: Credentials;
  keyRates: KeyRates;
  content: ContentStore;
  fetcher: Fetcher;
  secrets: SecretBox;
  signingSecrets: SigningSecretStore;
  refs: ContentRefs;
  queues: Queues;
  budget: Budget;
  removal: RemoveEmail;
  schedule: Schedule;
  orders: VerifyRequests;
  renderer: Renderer;
  accept: Accept;
  audit: Audit;
  mailLog: MailLog;
  listening: Listening;
  webhooks: Webhooks;
  deliveries: Deliveries;
  suppressions: Suppressions;
  erasedSuppressions: ErasedSuppressions;
  checkTag: TagCheck;
  mailboxStates: MailboxStates;
  eventStreams: EventStreams;
  overview: ReadOverview;
  metrics: Metrics;
  requestMetrics: RequestMetrics;
}
