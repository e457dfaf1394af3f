// An email that was corrected and needs an approval is put aside until it has one.
import { causeOf } from '../../mail/email/cause';
import { isApproved, WAITS_FOR_APPROVAL } from '../../mail/email/approval';
import type { StoredEmail } from '../../mail/email/stored-email';
import type { State } from '../../mail/email/state';
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { keepUntil } from '../../jobs/layout/upkeep-entries';
import { withdraw } from '../../jobs/transitions/withdraw';
import type { Clock } from '../../runtime/clock';
import type { Redis } from '../../store/redis/redis';

/** States in which a corrected email is put aside for its approval; in the others it is asked for at the release. */
const PUT_ASIDE: readonly State[] = ['scheduled', 'queued', 'deferred', 'held', 'failed'];

/**
 * Puts an email aside that was corrected. Where this is interrupted, or a worker is quicker, the worker does so.
 * @param after as it is now
 */
export const awaitApproval = async (
  { redis, clock }: { redis: Redis; clock: Clock },
  { queue, record }: { queue: EmailQueue; record: EmailRecord },
  after: StoredEmail,
): Promise<void> => {
  if (isApproved(after) || !PUT_ASIDE.includes(record.state)) return;
  const expiresAt = Date.parse(after.expiresAt);
  if (record.failure?.code === WAITS_FOR_APPROVAL.code && record.place === 'failed')
    return keepUntil(redis, queue, record.id, expiresAt);
  await withdraw(redis, queue, record.id, {
    failure: WAITS_FOR_APPROVAL,
    cause: causeOf(WAITS_FOR_APPROVAL),
    now: clock.now(),
    keepUntil: expiresAt,
    from: record.place === 'failed' ? 'anywhere' : 'send-queue',
    expiring: after.expiresAt,
  });
};
