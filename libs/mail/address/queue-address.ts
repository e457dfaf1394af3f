// Who a queue belongs to: tenant and application, and the one name that follows from them.
import { z } from 'zod';

/** The rule for names of tenants, applications, transports and templates: a DNS label in lower case (RFC 1123). */
export const SLUG = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const SLUG_RULE = 'must be 1 to 63 of a-z, 0-9 and -, neither beginning nor ending with -';

export const Slug = z
  .string()
  .regex(SLUG, SLUG_RULE)
  .meta({ id: 'Slug', examples: ['acme'] });

export interface QueueAddress {
  tenant: string;
  application: string;
}

/** The BullMQ queue's name: `tenant.application`. Slugs hold no dot, so it can be read back. */
export const queueName = ({ tenant, application }: QueueAddress): string => `${tenant}.${application}`;

/** @returns undefined for names that are not of a tenant's queue, such as internal ones, which begin with `_` */
export const parseQueueName = (name: string): QueueAddress | undefined => {
  const [tenant, application, ...rest] = name.split('.');
  if (tenant === undefined || application === undefined || rest.length > 0) return undefined;
  return SLUG.test(tenant) && SLUG.test(application) ? { tenant, application } : undefined;
};
