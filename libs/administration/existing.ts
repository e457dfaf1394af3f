// The tenant, the queue and the email that somebody names.
import type { QueueAddress } from '../mail/address/queue-address';
import { notFound } from '../mail/input/problem';
import { isEmailId } from '../jobs/layout/email-id';
import { readRecords, type EmailRecord } from '../jobs/layout/email-record';
import type { EmailQueue, Queues } from '../jobs/layout/queues';
import type { Redis } from '../store/redis/redis';
import type { Tenant, Tenants } from '../store/registries/tenants';

/** @throws Problem `not-found`; an endpoint over a tenant asks whether the key reaches it, not whether it exists */
export const existingTenant = async ({ tenants }: { tenants: Tenants }, tenant: string): Promise<Tenant> => {
  const found = await tenants.tenant(tenant);
  if (found === undefined) throw notFound(`tenant ${tenant}`);
  return found;
};

/** @throws Problem `not-found` */
export const existingQueue = async (
  { tenants, queues }: { tenants: Tenants; queues: Queues },
  address: QueueAddress,
): Promise<EmailQueue> => {
  if ((await tenants.queue(address)) === undefined) throw notFound(`queue ${address.tenant}/${address.application}`);
  return queues.open(address);
};

/** @throws Problem `not-found` */
export const existingEmail = async (
  { redis }: { redis: Redis },
  queue: EmailQueue,
  id: string,
): Promise<EmailRecord> => {
  const [record] = isEmailId(id) ? await readRecords(redis, queue, [id]) : [];
  if (record === undefined) throw notFound(`email ${id}`);
  return record;
};
