// Settings of tenants, queues and emails, and the one function that says which of them hold for an email.
import { z } from 'zod';
import { Approval } from './approval-setting';
import { AddressInput, HeaderText, type Address } from '../address/address';
import { EnvelopeAddress } from '../address/envelope-address';
import { ArchiveTo } from './archive-to';
import { SourcePrefix } from './data-source';
import { asciiDomain } from '../address/domain';
import { Slug } from '../address/queue-address';
import { Duration, durationMs } from '../input/duration';
import { TENANT_BOUNDS } from './tenant-bounds';

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

const AddressList = z
  .preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    z.array(AddressInput).max(100),
  )
  .meta({
    override: ({ jsonSchema }: { jsonSchema: Record<string, unknown> }) => {
      for (const keyword of ['type', 'items', 'maxItems'] as const) delete jsonSchema[keyword];
      const one = { $ref: '#/components/schemas/Address' };
      jsonSchema['anyOf'] = [one, { type: 'array', items: one, maxItems: 100 }];
    },
  });

const Backoff = z
  .strictObject({
    type: z.enum(['exponential', 'fixed']),
    delay: Duration,
    maxDelay: Duration,
    jitter: z.number().min(0).max(1),
  })
  .partial();

const History = z.strictObject({ keep: z.boolean(), days: z.number().min(0).max(3_650) }).partial();
/**
 * How a recipient gets off the list (RFC 2369, one click by RFC 8058). `{id}` in the address stands for the email's id,
 * `{recipient}` for the address of its only recipient.
 */
const ListUnsubscribe = z
  .strictObject({
    url: HeaderText(500)
      .regex(/^https:\/\/[!-;=?-~]+$/, 'must be an https address in ASCII (RFC 8058 3.1)')
      .optional(),
    mailto: HeaderText(500)
      .regex(
        /^[!-;=?A-~]+@[!-;=?-~]+$/,
        'must be an e-mail address in ASCII, like unsubscribe@acme.example?subject={id}',
      )
      .refine((text) => asciiDomain(/@([^?]*)/.exec(text)?.[1] ?? '') !== undefined, 'has no valid domain after the @')
      .optional(),
  })
  .refine(({ url, mailto }) => url !== undefined || mailto !== undefined, 'must have url or mailto or both')
  // A line of a header has room for 998 bytes (RFC 5322 2.1.1), and an address is long when it is percent-encoded.
  .refine(
    ({ url = '', mailto = '' }) =>
      [url, mailto].every((way) => way.split('{recipient}').length <= 2 && way.split('{id}').length <= 2),
    'must name {id} and {recipient} at most once in each address',
  );

export type ListUnsubscribe = z.infer<typeof ListUnsubscribe>;

const Errors = z.strictObject({ days: z.number().min(0).max(3_650) }).partial();

/** Where data and documents of emails may be fetched from; only the operator sets it. */
const DataSources = z.array(SourcePrefix).max(100);

/** What may be set on a tenant, a queue and an email alike. */
const everywhere = {
  transport: Slug.optional(),
  from: AddressInput.optional(),
  replyTo: AddressList.optional(),
  attempts: z.int().min(1).max(1_000).optional(),
  backoff: Backoff.optional(),
  expiresAfter: Duration.optional(),
  history: History.optional(),
  log: z.enum(['none', 'attempts', 'dialogue']).optional(),
  onUncertain: z.enum(['resend', 'hold']).optional(),
  archive: z.boolean().optional(),
  listUnsubscribe: ListUnsubscribe.optional(),
};

export const EMAIL_SETTINGS = {
  ...everywhere,
  priority: z.enum(PRIORITIES).optional(),
  /** What it says is sealed while it waits, shown to nobody, and wiped at its end (docs/confidential.md). */
  confidential: z.boolean().optional(),
};

export const TenantSettings = z
  .strictObject({
    ...everywhere,
    enabled: z.boolean().optional(),
    errors: Errors.optional(),
    /** Emails in its send queues at once; only the operator sets it. */
    maxWaiting: z.int().min(1).max(100_000_000).optional(),
    /** Bytes of content that its queues hold at once; only the operator sets it. */
    maxContentBytes: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
    ...TENANT_BOUNDS,
    dataSources: DataSources.optional(),
  })
  .meta({ id: 'TenantSettings', examples: [{ attempts: 8, history: { days: 30 } }] });

export const QueueSettings = z
  .strictObject({
    ...everywhere,
    enabled: z.boolean().optional(),
    errors: Errors.optional(),
    priority: z.enum(PRIORITIES).optional(),
    concurrency: z.int().min(1).max(1_000).optional(),
    rate: z.strictObject({ max: z.int().min(1).max(1_000_000), per: Duration }).optional(),
    /** Whether the tenant's suppression list holds for its emails: it need not for what people ask for themselves, as a new password. */
    suppressions: z.enum(['honor', 'ignore']).optional(),
    confidential: z.boolean().optional(),
    /** What emails say goes so many days after their end, before the rest of them does. */
    contentDays: z.number().min(0).max(3_650).optional(),
    /** Every email goes there and to nobody else: a test system must never mail customers. */
    redirectTo: EnvelopeAddress.optional(),
    /** Where every message goes besides, once a server took it (docs/archive.md). */
    archiveTo: ArchiveTo.optional(),
    /** Whose emails wait until a second person lets them go; once it is set, only the operator changes it. */
    approval: Approval.optional(),
    dataSources: DataSources.optional(),
  })
  .meta({
    id: 'QueueSettings',
    examples: [{ from: 'Acme Billing <billing@acme.example>', rate: { max: 100, per: '1m' } }],
  });

export type TenantSettings = z.infer<typeof TenantSettings>;
export type QueueSettings = z.infer<typeof QueueSettings>;

/** The settings that one level may give; every level's type fits. */
export type SettingsLevel = Partial<Pick<QueueSettings, keyof ResolvedSettings>>;

/** All settings of an email, none missing. Spans in milliseconds, days in days. */
export interface ResolvedSettings {
  transport: string;
  from: Address | undefined;
  replyTo: Address[];
  attempts: number;
  backoff: { type: 'exponential' | 'fixed'; delay: number; maxDelay: number; jitter: number };
  expiresAfter: number;
  history: { keep: boolean; days: number };
  errors: { days: number };
  log: 'none' | 'attempts' | 'dialogue';
  onUncertain: 'resend' | 'hold';
  /** The composed message is kept as it was sent; never where the email is confidential. */
  archive: boolean;
  /** The queue's archive, where it has one; never where the email is confidential, nor where it is redirected. */
  archiveTo?: ArchiveTo;
  /** What the email says is sealed while it waits, and kept nowhere else. */
  confidential: boolean;
  listUnsubscribe?: ListUnsubscribe;
  priority: Priority;
  concurrency: number;
  /** Whether recipients on the tenant's suppression list are left out. */
  suppressions: 'honor' | 'ignore';
  /** Which emails need one, where any do. */
  approval?: Approval;
  /** Days after its end. */
  contentDays?: number;
  /** The only address that any email goes to, where there is one. */
  redirectTo?: string;
  /** Prefixes of addresses; the queue's instead of the tenant's, never both. */
  dataSources: string[];
}

/** A queue's own rate: at most so many emails in every window of so many ms. */
export const rateOf = (settings: QueueSettings | undefined): { max: number; per: number } | undefined =>
  settings?.rate && { max: settings.rate.max, per: durationMs(settings.rate.per) };

const DEFAULTS = {
  transport: 'default',
  attempts: 12,
  backoff: { type: 'exponential', delay: '30s', maxDelay: '1h', jitter: 0.2 },
  expiresAfter: '3d',
  history: { keep: true, days: 30 },
  errors: { days: 90 },
  log: 'attempts',
  onUncertain: 'resend',
  archive: false,
  confidential: false,
  priority: 'normal',
  concurrency: 10,
  suppressions: 'honor',
} as const;

const EMAIL_SETTING_NAMES: ReadonlySet<string> = new Set(Object.keys(EMAIL_SETTINGS));

/** Does an email give settings of its own? Most do not. */
export const givesSettings = (email: object): boolean =>
  Object.entries(email).some(([name, value]) => value !== undefined && EMAIL_SETTING_NAMES.has(name));

/**
 * The settings that hold for an email now: instance defaults, then tenant, then queue, then the email itself; the
 * nearest one given wins, objects member by member (docs/configuration.md).
 * @param levels from the farthest (tenant) to the nearest (email)
 */
export const resolveSettings = (...levels: (SettingsLevel | undefined)[]): ResolvedSettings => {
  const nearest = <K extends keyof SettingsLevel>(key: K): SettingsLevel[K] =>
    levels.reduce<SettingsLevel[K]>((found, level) => level?.[key] ?? found, undefined);
  const members = <T extends object>(base: T, key: 'backoff' | 'history' | 'errors'): T =>
    levels.reduce<T>((merged, level) => ({ ...merged, ...level?.[key] }), base);

  const backoff = members<{ type: 'exponential' | 'fixed'; delay: string; maxDelay: string; jitter: number }>(
    DEFAULTS.backoff,
    'backoff',
  );
  const listUnsubscribe = nearest('listUnsubscribe');
  const approval = nearest('approval');
  const [redirectTo, contentDays] = [nearest('redirectTo'), nearest('contentDays')];
  const confidential = nearest('confidential') ?? DEFAULTS.confidential;
  const archiveTo = confidential || redirectTo !== undefined ? undefined : nearest('archiveTo');
  return {
    transport: nearest('transport') ?? DEFAULTS.transport,
    from: nearest('from'),
    replyTo: nearest('replyTo') ?? [],
    attempts: nearest('attempts') ?? DEFAULTS.attempts,
    backoff: { ...backoff, delay: durationMs(backoff.delay), maxDelay: durationMs(backoff.maxDelay) },
    expiresAfter: durationMs(nearest('expiresAfter') ?? DEFAULTS.expiresAfter),
    history: members<{ keep: boolean; days: number }>(DEFAULTS.history, 'history'),
    errors: members<{ days: number }>(DEFAULTS.errors, 'errors'),
    log: nearest('log') ?? DEFAULTS.log,
    onUncertain: nearest('onUncertain') ?? DEFAULTS.onUncertain,
    archive: !confidential && (nearest('archive') ?? DEFAULTS.archive),
    ...(archiveTo && { archiveTo }),
    confidential,
    ...(listUnsubscribe && { listUnsubscribe }),
    priority: nearest('priority') ?? DEFAULTS.priority,
    concurrency: nearest('concurrency') ?? DEFAULTS.concurrency,
    suppressions: nearest('suppressions') ?? DEFAULTS.suppressions,
    ...(approval && { approval }),
    ...(redirectTo !== undefined && { redirectTo }),
    ...(contentDays !== undefined && { contentDays }),
    dataSources: nearest('dataSources') ?? [],
  };
};

export { AddressList };
