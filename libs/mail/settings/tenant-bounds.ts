// How many of each thing a tenant may have: the operator's defaults, which the settings of a tenant replace.
import { z } from 'zod';

const Most = (most: number) => z.int().min(1).max(most);

/** Settings of tenants that only the operator sets. */
export const TENANT_BOUNDS = {
  maxQueues: Most(1_000_000).optional(),
  maxTransports: Most(1_000_000).optional(),
  maxKeys: Most(1_000_000).optional(),
  maxTemplates: Most(1_000_000).optional(),
  /** Bytes of all versions of all its templates. */
  maxTemplateBytes: Most(Number.MAX_SAFE_INTEGER).optional(),
  /** Bulk operations under way, and those of a week that are done with. */
  maxOperations: Most(1_000_000).optional(),
  maxWebhooks: Most(1_000).optional(),
  /** Addresses on its suppression list. */
  maxSuppressions: Most(10_000_000).optional(),
};

export type TenantBounds = Record<keyof typeof TENANT_BOUNDS, number>;

/** What each is of, for people. */
export const BOUND_NOUNS: Record<keyof TenantBounds, string> = {
  maxQueues: 'queues',
  maxTransports: 'transports',
  maxKeys: 'keys',
  maxTemplates: 'templates',
  maxTemplateBytes: 'bytes of templates, all versions together',
  maxOperations: 'bulk operations under way',
  maxWebhooks: 'webhooks',
  maxSuppressions: 'suppressed addresses',
};

const Count = (usual: number) => z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).default(usual);

/** Variables of the API. */
export const BOUNDS_ENV = {
  ROHRPOST_MAX_QUEUES: Count(1_000),
  ROHRPOST_MAX_TRANSPORTS: Count(200),
  ROHRPOST_MAX_KEYS: Count(1_000),
  ROHRPOST_MAX_TEMPLATES: Count(1_000),
  ROHRPOST_MAX_TEMPLATE_BYTES: Count(64 * 1024 * 1024),
  ROHRPOST_MAX_OPERATIONS: Count(1_000),
  ROHRPOST_MAX_WEBHOOKS: Count(10),
  ROHRPOST_MAX_SUPPRESSIONS: Count(100_000),
};

export const toTenantBounds = (env: z.infer<z.ZodObject<typeof BOUNDS_ENV>>): TenantBounds => ({
  maxQueues: env.ROHRPOST_MAX_QUEUES,
  maxTransports: env.ROHRPOST_MAX_TRANSPORTS,
  maxKeys: env.ROHRPOST_MAX_KEYS,
  maxTemplates: env.ROHRPOST_MAX_TEMPLATES,
  maxTemplateBytes: env.ROHRPOST_MAX_TEMPLATE_BYTES,
  maxOperations: env.ROHRPOST_MAX_OPERATIONS,
  maxWebhooks: env.ROHRPOST_MAX_WEBHOOKS,
  maxSuppressions: env.ROHRPOST_MAX_SUPPRESSIONS,
});

/** As the variables have it where they are not set. */
export const DEFAULT_BOUNDS: TenantBounds = toTenantBounds(z.object(BOUNDS_ENV).parse({}));
