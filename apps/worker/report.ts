// The mail log: what became of emails, one maker per event, so that no line is worded elsewhere.
import type { Lease } from '../../libs/queue/email-worker';
import type { Settled } from '../../libs/queue/settle';
import type { Outcome } from '../../libs/mail/outcome';
import { queueName } from '../../libs/mail/queue-address';
import type { Log } from '../../libs/runtime/log';
import type { Reported } from '../../libs/store/breaker';

export interface Report {
  settled(lease: Lease, outcome: Outcome, settled: Settled): void;
  /** The attempt could not be settled: the email is somebody else's, or Redis refused. */
  unsettled(lease: Lease, error: unknown): void;
  /** A transport's breaker changed. */
  transport: (transport: string, change: Reported['change'], why: string) => void;
  /** A server would not have a connection: so many are used from now on. */
  crowded: (transport: string, connections: number, why: string) => void;
  /** The audit could not be written. */
  unrecorded: (error: unknown) => void;
  /** The content store is full or away: the email waits for it. */
  storeless(lease: Lease, why: string): void;
  /** A fault that no step expected. */
  broken(lease: Lease, error: unknown): void;
}

const about = (lease: Lease) => ({
  email: lease.id,
  queue: queueName(lease.queue.address),
  attempt: lease.attemptsBefore + lease.attemptsMade + 1,
});

/** Never an address, a subject or a header: those live with the email and go when it goes. */
export const createReport = (log: Log): Report => {
  // The lines of emails are made here, of fields that cannot hold secrets; striking them out would cost more than the line.
  const lines = log.child({}, { redact: [] });
  return {
    settled(lease, outcome, settled) {
      const code = settled.failure?.code;
      const next = 'nextAt' in settled ? { next: new Date(settled.nextAt).toISOString() } : {};
      const line = { ...about(lease), outcome: outcome.kind, state: settled.state, ...(code && { code }), ...next };
      if (settled.state === 'sent') lines.info(line, 'sent');
      else if (settled.state === 'queued') lines.debug(line, 'put back');
      else lines.warn(line, settled.state === 'deferred' ? 'deferred' : 'ended unsent');
    },
    transport(transport, change, why) {
      if (change === 'opened') log.error({ transport, why }, 'transport down: its emails are parked');
      else if (change === 'reopened') log.warn({ transport, why }, 'transport still down');
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
    storeless: (lease, why) => lines.warn({ ...about(lease), why }, 'waits for the content store'),
    broken: (lease, error) =>
      log.error({ ...about(lease), error }, 'an attempt broke unexpectedly; the email is tried again'),
  };
};
