// Puts an email aside whose time is over: the sweep does so, and whoever acts on one before the sweep has come.
import { causeOf } from '../../mail/email/cause';
import { expiredFailure } from '../../mail/email/failure';
import type { Change } from '../../mail/email/outcome';
import type { ResolvedSettings } from '../../mail/settings/settings';
import type { Redis } from '../../store/redis/redis';
import type { EmailRecord } from '../layout/email-record';
import type { EmailQueue } from '../layout/queues';
import { tellingOf } from '../layout/bullmq-events';
import type { Refusal } from '../layout/layout';
import { withdraw } from './withdraw';

/** The line of its history: the same whenever it is read, before it is written and after. */
export const expiryChange = (expiresAt: string): Change => ({
  at: expiresAt,
  by: 'the service',
  what: 'expired',
});

/**
 * It ended when its time was over, whenever that was noticed.
 * @param how until when the error log keeps it (ms since 1970), and its settings
 * @returns why not: it is being sent, was sent, is gone, or expires at another time by now
 */
export const expireEmail = (
  redis: Redis,
  queue: EmailQueue,
  { id, email, place }: EmailRecord,
  { keepUntil, settings }: { keepUntil: number; settings: ResolvedSettings },
): Promise<Refusal | undefined> => {
  const failure = expiredFailure(email.expiresAt);
  return withdraw(redis, queue, id, {
    failure,
    cause: causeOf(failure, { transport: settings.transport }),
    line: { kind: 'change', ...expiryChange(email.expiresAt) },
    now: Date.parse(email.expiresAt),
    keepUntil,
    // One that waits for an approval stands in the error log already.
    from: place === 'failed' ? 'anywhere' : 'send-queue',
    expiring: email.expiresAt,
    transport: settings.transport,
    telling: tellingOf(queue, settings),
  });
};
