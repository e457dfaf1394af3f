// An email whose time is over is expired before anything else is done to it, as the sweep would do a moment later.
import { readRecords, type EmailRecord } from '../../libs/queue/email-record';
import { expireEmail } from '../../libs/queue/expire';
import type { EmailQueue } from '../../libs/queue/queues';
import { KEYS } from '../../libs/store/keys';
import type { Rooms } from './rooms';

const DAY = 86_400_000;

/** @returns the email as it is then: whoever was quicker has changed it */
export const settleOverdue = async (
  { redis, clock, tenants }: Rooms,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<EmailRecord> => {
  if (record.state !== 'expired' || record.place === 'failed') return record;
  const settings = await tenants.settings(queue.address, record.email);
  const keepUntil = clock.now() + settings.errors.days * DAY;
  // Before it is brought about: the sweep may know of a later time only.
  await redis.zadd(KEYS.upkeep, 'LT', keepUntil, queue.name);
  await expireEmail(redis, queue, record, { keepUntil, settings });
  const [fresh] = await readRecords(redis, queue, [record.id], clock.now());
  return fresh ?? record;
};
