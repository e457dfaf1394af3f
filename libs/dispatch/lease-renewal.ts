// Keeps the locks of the emails in work; an email whose lock is lost is ended here, since BullMQ would let it go on.
import { uptime } from '../runtime/clock';
import type { Log } from '../runtime/log';
import { renewLocks, type Lease, type LeaseEnd } from '../jobs/transitions/lease';
import { LOCK_MS, type EmailQueue } from '../jobs/layout/queues';

export interface LeaseRenewal {
  keep(lease: Lease, end: (reason: LeaseEnd) => void): void;
  release(lease: Lease): void;
  endAll(reason: LeaseEnd): void;
  start(): void;
  stop(): void;
}

interface Kept {
  lease: Lease;
  end: (reason: LeaseEnd) => void;
  /** When the lock ends if nothing more is heard of Redis, by this process' running time (ms). */
  validUntil: number;
}

/** Three tries before a lock runs out. */
const RENEW_MS = LOCK_MS / 4;

export const createLeaseRenewal = (deps: { log: Log }): LeaseRenewal => {
  const kept = new Map<string, Kept>();
  let timer: NodeJS.Timeout | undefined;

  const lose = (entry: Kept, why: string): void => {
    deps.log.warn({ email: entry.lease.id, why }, 'the hold on an email was lost; its attempt ends');
    kept.delete(entry.lease.token);
    entry.end('lock-lost');
  };

  const renewQueue = async (queue: EmailQueue, entries: Kept[]): Promise<void> => {
    const askedAt = uptime();
    const lost = new Set(
      await renewLocks(
        queue,
        entries.map(({ lease }) => lease),
      ),
    );
    for (const entry of entries) {
      if (lost.has(entry.lease.id) && kept.has(entry.lease.token)) lose(entry, 'another worker may have it');
      else entry.validUntil = askedAt + LOCK_MS;
    }
  };

  const renew = (): void => {
    const now = uptime();
    const byQueue = new Map<EmailQueue, Kept[]>();
    for (const entry of kept.values()) {
      if (entry.validUntil <= now) {
        lose(entry, 'Redis did not answer in time');
        continue;
      }
      const entries = byQueue.get(entry.lease.queue);
      if (entries === undefined) byQueue.set(entry.lease.queue, [entry]);
      else entries.push(entry);
    }
    for (const [queue, entries] of byQueue) {
      renewQueue(queue, entries).catch((error: unknown) =>
        deps.log.warn({ error, queue: queue.name }, 'locks were not renewed'),
      );
    }
  };

  return {
    keep: (lease, end) => void kept.set(lease.token, { lease, end, validUntil: uptime() + LOCK_MS }),
    release: (lease) => void kept.delete(lease.token),
    endAll(reason) {
      for (const { end } of kept.values()) end(reason);
    },
    start() {
      timer = setInterval(renew, RENEW_MS);
    },
    stop: () => clearInterval(timer),
  };
};
