// A queue that a replica serves: whose turn it is, what it may, what it has had.
import type { SlotUser } from './slots';
import type { EmailQueue } from '../jobs/layout/queues';

export interface OpenQueue extends SlotUser {
  queue: EmailQueue;
  /** Counts calls: one that came while a fetch was under way may be about an email that the fetch did not see. */
  calls: number;
  /** A rate or a limit holds it until then (ms since 1970). */
  rateStopUntil: number;
  /** Emails since it was opened. */
  taken: number;
}

/**
 * @param may.concurrency of its emails at once
 * @param may.transport its usual one
 */
export const newlyOpen = (queue: EmailQueue, may: { concurrency: number; transport: string }): OpenQueue => ({
  name: queue.name,
  tenant: queue.address.tenant,
  transport: may.transport,
  queue,
  busy: 0,
  limit: may.concurrency,
  hungry: true,
  stride: 1,
  fetching: 0,
  calls: 0,
  rateStopUntil: 0,
  taken: 0,
});
