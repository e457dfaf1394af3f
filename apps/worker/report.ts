// What a worker tells of its work: how attempts ended in the mail log, its transports and faults beside it.
import { createMailLog, withoutAddresses } from '../../libs/events/mail-log';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { Settled } from '../../libs/dispatch/settle';
import type { Encryption, Outcome } from '../../libs/mail/email/outcome';
import type { QueueAddress } from '../../libs/mail/address/queue-address';
import type { ResolvedSettings } from '../../libs/mail/settings/settings';
import type { Log } from '../../libs/runtime/log';
import type { Reported } from '../../libs/store/limits/breaker';

export interface Report {
  /** @param tls how its connection was encrypted */
  settled(lease: Lease, outcome: Outcome, settled: Settled, settings: ResolvedSettings, tls?: Encryption): void;
  /** It was sent or erased before, and is gone once more. */
  removedAgain(lease: Lease): void;
  /** Emails whose worker is gone are in their queue again. */
  recovered: (address: QueueAddress, ids: readonly string[]) => void;
  /** The attempt could not be settled: the email is somebody else's, or Redis refused. */
  unsettled(lease: Lease, error: unknown): void;
  /** A transport's breaker changed. */
  transport: (transport: string, change: Reported['change'], why: string) => void;
  /** A server would not have a connection: so many are used from now on. */
  crowded: (transport: string, connections: number, why: string) => void;
  /** The audit could not be written. */
  unrecorded: (error: unknown) => void;
  /** The content store is full or away: the email waits for it. */
  contentStoreAway(lease: Lease, why: string): void;
  /** A fault that no step expected. */
  broken(lease: Lease, error: unknown): void;
}

const about = (lease: Lease) => ({
  email: lease.id,
  tenant: lease.queue.address.tenant,
  application: lease.queue.address.application,
  attempt: lease.attemptsBefore + lease.attemptsMade + 1,
});

/** Never an address, a subject or a header: those live with the email and go when it goes. */
export const createReport = (log: Log): Report => {
  const mailLog = createMailLog(log);
  return {
    settled(lease, outcome, settled, settings, tls) {
      const email = { id: lease.id, address: lease.queue.address };
      mailLog.attempted(email, {
        attempt: about(lease).attempt,
        transport: settings.transport,
        outcome: outcome.kind,
        state: settled.state,
        code: settled.failure?.code,
        text: 'text' in outcome ? outcome.text : undefined,
        replies: 'replies' in outcome ? outcome.replies : [],
        tls,
        nextAt: 'nextAt' in settled ? settled.nextAt : undefined,
      });
      // Nothing of it is kept.
      if (settled.state === 'sent' && !settings.history.keep)
        mailLog.changed(email, { by: 'the service', what: 'erased' });
    },
    removedAgain: (lease) => mailLog.removedAgain({ id: lease.id, address: lease.queue.address }),
    recovered(address, ids) {
      for (const id of ids) mailLog.recovered({ id, address });
    },
    transport(transport, change, why) {
      const words = withoutAddresses(why);
      if (change === 'opened') log.error({ transport, why: words }, 'transport down: its emails are parked');
      else if (change === 'reopened') log.warn({ transport, why: words }, 'transport still down');
      else
        log.info(
          { transport },
          change === 'recovering' ? 'transport answers again: emails return step by step' : 'transport up',
        );
    },
    crowded: (transport, connections, why) =>
      log.warn({ transport, connections, why }, 'the server takes no further connection: fewer are used for a while'),
    unsettled: (lease, error) =>
      log.warn({ ...about(lease), error }, 'an attempt was not settled: another worker decides'),
    unrecorded: (error) => log.error({ error }, 'the audit could not be written'),
    contentStoreAway: (lease, why) => log.warn({ ...about(lease), why }, 'waits for the content store'),
    broken: (lease, error) =>
      log.error({ ...about(lease), error }, 'an attempt broke unexpectedly; the email is tried again'),
  };
};
