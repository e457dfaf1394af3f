// An email whose time is over is expired before anything else is done to it, as the sweep would do a moment later.
import { readRecords, type EmailRecord } from '../jobs/layout/email-record';
import type { MailLog } from '../events/mail-log';
import { expireEmail } from '../jobs/transitions/expire';
import { daysAsItEnded } from '../mail/settings/retention';
import type { EmailQueue } from '../jobs/layout/queues';
import { announceUpkeep } from '../store/redis/upkeep-index';
import type { Clock } from '../runtime/clock';
import type { Redis } from '../store/redis/redis';
import type { Tenants } from '../store/registries/tenants';

export interface OverdueDeps {
  redis: Redis;
  clock: Clock;
  tenants: Tenants;
  mailLog: MailLog;
}

const DAY = 86_400_000;

/** @returns the email as it is then: whoever was quicker has changed it */
export const settleOverdue = async (
  { redis, clock, tenants, mailLog }: OverdueDeps,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<EmailRecord> => {
  if (record.state !== 'expired' || record.place === 'failed') return record;
  const settings = await tenants.settings(queue.address, record.email);
  const keepUntil = clock.now() + daysAsItEnded(settings, 'errors') * DAY;
  // Before it is brought about: the sweep may know of a later time only.
  await announceUpkeep(redis, queue, keepUntil);
  const refusal = await expireEmail(redis, queue, record, { keepUntil, settings });
  if (refusal === undefined)
    mailLog.changed({ id: record.id, address: queue.address }, { by: 'the service', what: 'expired' });
  const [fresh] = await readRecords(redis, queue, [record.id]);
  return fresh ?? record;
};
